/** Image files (torchvision.io). */
export { Image } from "./image.js";
