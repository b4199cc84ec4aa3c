/**
 * The errors of Kindling. Every message says what was given, what was expected and what to do.
 * Programs catch the classes; people read the messages.
 */

/** Base of every error that Kindling throws on purpose. */
export class KindlingError extends Error {
  override name = "KindlingError";
}

/** Shapes do not fit the operation. */
export class ShapeError extends KindlingError {
  override name = "ShapeError";
}

/** A dtype that the operation, or the device, does not take. */
export class DTypeError extends KindlingError {
  override name = "DTypeError";
}

/** The device failed: out of memory, lost, or a kernel that does not run. */
export class DeviceError extends KindlingError {
  override name = "DeviceError";
}

/** The device has not the memory that was asked for. */
export class OutOfMemoryError extends DeviceError {
  override name = "OutOfMemoryError";
}

/** There is no WebGPU adapter of the kind asked for. */
export class NoAdapterError extends DeviceError {
  override name = "NoAdapterError";
}

/** Autograd was asked for what it cannot give. */
export class AutogradError extends KindlingError {
  override name = "AutogradError";
}

/** An argument out of its range. */
export class ArgumentError extends KindlingError {
  override name = "ArgumentError";
}
