/** The two halves of a depthwise separable convolution (Sifre 2014), without biases: batch norm follows them. */

import { Conv2d } from "@kindling/nn";

/** Each channel by itself, with an odd kernel; at stride 1 the size stays. */
export function depthwise(channels: number, kernelSize: number, stride: number): Conv2d {
  const padding = (kernelSize - 1) / 2;
  return new Conv2d(channels, channels, kernelSize, { stride, padding, groups: channels, bias: false });
}

/** Each pixel by itself. */
export function pointwise(inChannels: number, outChannels: number): Conv2d {
  return new Conv2d(inChannels, outChannels, 1, { bias: false });
}
