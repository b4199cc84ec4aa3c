/** Published weights of the classifiers. Written by scripts/weights-data.mjs. */

import { imagenetWeights } from "./imagenet.js";

export const AlexNet_Weights = imagenetWeights("AlexNet_Weights", "alexnet", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "alexnet-owt-7be5be79.pth", params: 61100840, minSize: 63, accuracy: [56.522, 79.066] },
});

export const ConvNeXt_Base_Weights = imagenetWeights("ConvNeXt_Base_Weights", "convnext_base", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "convnext_base-6075fbad.pth",
    params: 88591464,
    minSize: 32,
    accuracy: [84.062, 96.87],
    resize: 232,
  },
});

export const ConvNeXt_Large_Weights = imagenetWeights("ConvNeXt_Large_Weights", "convnext_large", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "convnext_large-ea097f82.pth",
    params: 197767336,
    minSize: 32,
    accuracy: [84.414, 96.976],
    resize: 232,
  },
});

export const ConvNeXt_Small_Weights = imagenetWeights("ConvNeXt_Small_Weights", "convnext_small", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "convnext_small-0c510722.pth",
    params: 50223688,
    minSize: 32,
    accuracy: [83.616, 96.65],
    resize: 230,
  },
});

export const ConvNeXt_Tiny_Weights = imagenetWeights("ConvNeXt_Tiny_Weights", "convnext_tiny", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "convnext_tiny-983f1562.pth",
    params: 28589128,
    minSize: 32,
    accuracy: [82.52, 96.146],
    resize: 236,
  },
});

export const DenseNet121_Weights = imagenetWeights("DenseNet121_Weights", "densenet121", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "densenet121-a639ec97.pth", params: 7978856, minSize: 29, accuracy: [74.434, 91.972] },
});

export const DenseNet161_Weights = imagenetWeights("DenseNet161_Weights", "densenet161", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "densenet161-8d451a50.pth", params: 28681000, minSize: 29, accuracy: [77.138, 93.56] },
});

export const DenseNet169_Weights = imagenetWeights("DenseNet169_Weights", "densenet169", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "densenet169-b2777c0a.pth", params: 14149480, minSize: 29, accuracy: [75.6, 92.806] },
});

export const DenseNet201_Weights = imagenetWeights("DenseNet201_Weights", "densenet201", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "densenet201-c1103571.pth", params: 20013928, minSize: 29, accuracy: [76.896, 93.37] },
});

export const EfficientNet_B0_Weights = imagenetWeights("EfficientNet_B0_Weights", "efficientnet_b0", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "efficientnet_b0_rwightman-3dd342df.pth",
    params: 5288548,
    minSize: 1,
    accuracy: [77.692, 93.532],
    interpolation: "bicubic",
  },
});

export const EfficientNet_B1_Weights = imagenetWeights("EfficientNet_B1_Weights", "efficientnet_b1", "IMAGENET1K_V2", {
  IMAGENET1K_V1: {
    file: "efficientnet_b1_rwightman-533bc792.pth",
    params: 7794184,
    minSize: 1,
    accuracy: [78.642, 94.186],
    crop: 240,
    interpolation: "bicubic",
  },
  IMAGENET1K_V2: {
    file: "efficientnet_b1-c27df63c.pth",
    params: 7794184,
    minSize: 1,
    accuracy: [79.838, 94.934],
    resize: 255,
    crop: 240,
  },
});

export const EfficientNet_B2_Weights = imagenetWeights("EfficientNet_B2_Weights", "efficientnet_b2", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "efficientnet_b2_rwightman-bcdf34b7.pth",
    params: 9109994,
    minSize: 1,
    accuracy: [80.608, 95.31],
    resize: 288,
    crop: 288,
    interpolation: "bicubic",
  },
});

export const EfficientNet_B3_Weights = imagenetWeights("EfficientNet_B3_Weights", "efficientnet_b3", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "efficientnet_b3_rwightman-cf984f9c.pth",
    params: 12233232,
    minSize: 1,
    accuracy: [82.008, 96.054],
    resize: 320,
    crop: 300,
    interpolation: "bicubic",
  },
});

export const EfficientNet_B4_Weights = imagenetWeights("EfficientNet_B4_Weights", "efficientnet_b4", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "efficientnet_b4_rwightman-7eb33cd5.pth",
    params: 19341616,
    minSize: 1,
    accuracy: [83.384, 96.594],
    resize: 384,
    crop: 380,
    interpolation: "bicubic",
  },
});

export const EfficientNet_B5_Weights = imagenetWeights("EfficientNet_B5_Weights", "efficientnet_b5", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "efficientnet_b5_lukemelas-b6417697.pth",
    params: 30389784,
    minSize: 1,
    accuracy: [83.444, 96.628],
    resize: 456,
    crop: 456,
    interpolation: "bicubic",
  },
});

export const EfficientNet_B6_Weights = imagenetWeights("EfficientNet_B6_Weights", "efficientnet_b6", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "efficientnet_b6_lukemelas-c76e70fd.pth",
    params: 43040704,
    minSize: 1,
    accuracy: [84.008, 96.916],
    resize: 528,
    crop: 528,
    interpolation: "bicubic",
  },
});

export const EfficientNet_B7_Weights = imagenetWeights("EfficientNet_B7_Weights", "efficientnet_b7", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "efficientnet_b7_lukemelas-dcc49843.pth",
    params: 66347960,
    minSize: 1,
    accuracy: [84.122, 96.908],
    resize: 600,
    crop: 600,
    interpolation: "bicubic",
  },
});

export const EfficientNet_V2_L_Weights = imagenetWeights(
  "EfficientNet_V2_L_Weights",
  "efficientnet_v2_l",
  "IMAGENET1K_V1",
  {
    IMAGENET1K_V1: {
      file: "efficientnet_v2_l-59c71312.pth",
      params: 118515272,
      minSize: 33,
      accuracy: [85.808, 97.788],
      resize: 480,
      crop: 480,
      interpolation: "bicubic",
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
    },
  },
);

export const EfficientNet_V2_M_Weights = imagenetWeights(
  "EfficientNet_V2_M_Weights",
  "efficientnet_v2_m",
  "IMAGENET1K_V1",
  {
    IMAGENET1K_V1: {
      file: "efficientnet_v2_m-dc08266a.pth",
      params: 54139356,
      minSize: 33,
      accuracy: [85.112, 97.156],
      resize: 480,
      crop: 480,
    },
  },
);

export const EfficientNet_V2_S_Weights = imagenetWeights(
  "EfficientNet_V2_S_Weights",
  "efficientnet_v2_s",
  "IMAGENET1K_V1",
  {
    IMAGENET1K_V1: {
      file: "efficientnet_v2_s-dd5fe13b.pth",
      params: 21458488,
      minSize: 33,
      accuracy: [84.228, 96.878],
      resize: 384,
      crop: 384,
    },
  },
);

export const GoogLeNet_Weights = imagenetWeights("GoogLeNet_Weights", "googlenet", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "googlenet-1378be20.pth", params: 6624904, minSize: 15, accuracy: [69.778, 89.53] },
});

export const Inception_V3_Weights = imagenetWeights("Inception_V3_Weights", "inception_v3", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "inception_v3_google-0cc3c7bd.pth",
    params: 27161264,
    minSize: 75,
    accuracy: [77.294, 93.45],
    resize: 342,
    crop: 299,
  },
});

export const MaxVit_T_Weights = imagenetWeights("MaxVit_T_Weights", "maxvit_t", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "maxvit_t-bc5ab103.pth",
    params: 30919624,
    minSize: 224,
    accuracy: [83.7, 96.722],
    resize: 224,
    interpolation: "bicubic",
  },
});

export const MNASNet0_5_Weights = imagenetWeights("MNASNet0_5_Weights", "mnasnet0_5", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "mnasnet0.5_top1_67.823-3ffadce67e.pth",
    params: 2218512,
    minSize: 1,
    accuracy: [67.734, 87.49],
  },
});

export const MNASNet0_75_Weights = imagenetWeights("MNASNet0_75_Weights", "mnasnet0_75", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "mnasnet0_75-7090bc5f.pth",
    params: 3170208,
    minSize: 1,
    accuracy: [71.18, 90.496],
    resize: 232,
  },
});

export const MNASNet1_0_Weights = imagenetWeights("MNASNet1_0_Weights", "mnasnet1_0", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "mnasnet1.0_top1_73.512-f206786ef8.pth",
    params: 4383312,
    minSize: 1,
    accuracy: [73.456, 91.51],
  },
});

export const MNASNet1_3_Weights = imagenetWeights("MNASNet1_3_Weights", "mnasnet1_3", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "mnasnet1_3-a4c69d6f.pth",
    params: 6282256,
    minSize: 1,
    accuracy: [76.506, 93.522],
    resize: 232,
  },
});

export const MobileNet_V2_Weights = imagenetWeights("MobileNet_V2_Weights", "mobilenet_v2", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "mobilenet_v2-b0353104.pth", params: 3504872, minSize: 1, accuracy: [71.878, 90.286] },
  IMAGENET1K_V2: {
    file: "mobilenet_v2-7ebf99e0.pth",
    params: 3504872,
    minSize: 1,
    accuracy: [72.154, 90.822],
    resize: 232,
  },
});

export const MobileNet_V3_Large_Weights = imagenetWeights(
  "MobileNet_V3_Large_Weights",
  "mobilenet_v3_large",
  "IMAGENET1K_V2",
  {
    IMAGENET1K_V1: { file: "mobilenet_v3_large-8738ca79.pth", params: 5483032, minSize: 1, accuracy: [74.042, 91.34] },
    IMAGENET1K_V2: {
      file: "mobilenet_v3_large-5c1a4163.pth",
      params: 5483032,
      minSize: 1,
      accuracy: [75.274, 92.566],
      resize: 232,
    },
  },
);

export const MobileNet_V3_Small_Weights = imagenetWeights(
  "MobileNet_V3_Small_Weights",
  "mobilenet_v3_small",
  "IMAGENET1K_V1",
  {
    IMAGENET1K_V1: { file: "mobilenet_v3_small-047dcff4.pth", params: 2542856, minSize: 1, accuracy: [67.668, 87.402] },
  },
);

export const RegNet_X_16GF_Weights = imagenetWeights("RegNet_X_16GF_Weights", "regnet_x_16gf", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "regnet_x_16gf-2007eb11.pth", params: 54278536, minSize: 1, accuracy: [80.058, 94.944] },
  IMAGENET1K_V2: {
    file: "regnet_x_16gf-ba3796d7.pth",
    params: 54278536,
    minSize: 1,
    accuracy: [82.716, 96.196],
    resize: 232,
  },
});

export const RegNet_X_1_6GF_Weights = imagenetWeights("RegNet_X_1_6GF_Weights", "regnet_x_1_6gf", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "regnet_x_1_6gf-e3633e7f.pth", params: 9190136, minSize: 1, accuracy: [77.04, 93.44] },
  IMAGENET1K_V2: {
    file: "regnet_x_1_6gf-a12f2b72.pth",
    params: 9190136,
    minSize: 1,
    accuracy: [79.668, 94.922],
    resize: 232,
  },
});

export const RegNet_X_32GF_Weights = imagenetWeights("RegNet_X_32GF_Weights", "regnet_x_32gf", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "regnet_x_32gf-9d47f8d0.pth", params: 107811560, minSize: 1, accuracy: [80.622, 95.248] },
  IMAGENET1K_V2: {
    file: "regnet_x_32gf-6eb8fdc6.pth",
    params: 107811560,
    minSize: 1,
    accuracy: [83.014, 96.288],
    resize: 232,
  },
});

export const RegNet_X_3_2GF_Weights = imagenetWeights("RegNet_X_3_2GF_Weights", "regnet_x_3_2gf", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "regnet_x_3_2gf-f342aeae.pth", params: 15296552, minSize: 1, accuracy: [78.364, 93.992] },
  IMAGENET1K_V2: {
    file: "regnet_x_3_2gf-7071aa85.pth",
    params: 15296552,
    minSize: 1,
    accuracy: [81.196, 95.43],
    resize: 232,
  },
});

export const RegNet_X_400MF_Weights = imagenetWeights("RegNet_X_400MF_Weights", "regnet_x_400mf", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "regnet_x_400mf-adf1edd5.pth", params: 5495976, minSize: 1, accuracy: [72.834, 90.95] },
  IMAGENET1K_V2: {
    file: "regnet_x_400mf-62229a5f.pth",
    params: 5495976,
    minSize: 1,
    accuracy: [74.864, 92.322],
    resize: 232,
  },
});

export const RegNet_X_800MF_Weights = imagenetWeights("RegNet_X_800MF_Weights", "regnet_x_800mf", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "regnet_x_800mf-ad17e45c.pth", params: 7259656, minSize: 1, accuracy: [75.212, 92.348] },
  IMAGENET1K_V2: {
    file: "regnet_x_800mf-94a99ebd.pth",
    params: 7259656,
    minSize: 1,
    accuracy: [77.522, 93.826],
    resize: 232,
  },
});

export const RegNet_X_8GF_Weights = imagenetWeights("RegNet_X_8GF_Weights", "regnet_x_8gf", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "regnet_x_8gf-03ceed89.pth", params: 39572648, minSize: 1, accuracy: [79.344, 94.686] },
  IMAGENET1K_V2: {
    file: "regnet_x_8gf-2b70d774.pth",
    params: 39572648,
    minSize: 1,
    accuracy: [81.682, 95.678],
    resize: 232,
  },
});

export const RegNet_Y_128GF_Weights = imagenetWeights(
  "RegNet_Y_128GF_Weights",
  "regnet_y_128gf",
  "IMAGENET1K_SWAG_E2E_V1",
  {
    IMAGENET1K_SWAG_E2E_V1: {
      file: "regnet_y_128gf_swag-c8ce3e52.pth",
      params: 644812894,
      minSize: 1,
      accuracy: [88.228, 98.682],
      resize: 384,
      crop: 384,
      interpolation: "bicubic",
      license: "https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
    },
    IMAGENET1K_SWAG_LINEAR_V1: {
      file: "regnet_y_128gf_lc_swag-cbe8ce12.pth",
      params: 644812894,
      minSize: 1,
      accuracy: [86.068, 97.844],
      resize: 224,
      interpolation: "bicubic",
      license: "https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
    },
  },
);

export const RegNet_Y_16GF_Weights = imagenetWeights("RegNet_Y_16GF_Weights", "regnet_y_16gf", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "regnet_y_16gf-9e6ed7dd.pth", params: 83590140, minSize: 1, accuracy: [80.424, 95.24] },
  IMAGENET1K_V2: {
    file: "regnet_y_16gf-3e4a00f9.pth",
    params: 83590140,
    minSize: 1,
    accuracy: [82.886, 96.328],
    resize: 232,
  },
  IMAGENET1K_SWAG_E2E_V1: {
    file: "regnet_y_16gf_swag-43afe44d.pth",
    params: 83590140,
    minSize: 1,
    accuracy: [86.012, 98.054],
    resize: 384,
    crop: 384,
    interpolation: "bicubic",
    license: "https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
  },
  IMAGENET1K_SWAG_LINEAR_V1: {
    file: "regnet_y_16gf_lc_swag-f3ec0043.pth",
    params: 83590140,
    minSize: 1,
    accuracy: [83.976, 97.244],
    resize: 224,
    interpolation: "bicubic",
    license: "https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
  },
});

export const RegNet_Y_1_6GF_Weights = imagenetWeights("RegNet_Y_1_6GF_Weights", "regnet_y_1_6gf", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "regnet_y_1_6gf-b11a554e.pth", params: 11202430, minSize: 1, accuracy: [77.95, 93.966] },
  IMAGENET1K_V2: {
    file: "regnet_y_1_6gf-0d7bc02a.pth",
    params: 11202430,
    minSize: 1,
    accuracy: [80.876, 95.444],
    resize: 232,
  },
});

export const RegNet_Y_32GF_Weights = imagenetWeights("RegNet_Y_32GF_Weights", "regnet_y_32gf", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "regnet_y_32gf-4dee3f7a.pth", params: 145046770, minSize: 1, accuracy: [80.878, 95.34] },
  IMAGENET1K_V2: {
    file: "regnet_y_32gf-8db6d4b5.pth",
    params: 145046770,
    minSize: 1,
    accuracy: [83.368, 96.498],
    resize: 232,
  },
  IMAGENET1K_SWAG_E2E_V1: {
    file: "regnet_y_32gf_swag-04fdfa75.pth",
    params: 145046770,
    minSize: 1,
    accuracy: [86.838, 98.362],
    resize: 384,
    crop: 384,
    interpolation: "bicubic",
    license: "https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
  },
  IMAGENET1K_SWAG_LINEAR_V1: {
    file: "regnet_y_32gf_lc_swag-e1583746.pth",
    params: 145046770,
    minSize: 1,
    accuracy: [84.622, 97.48],
    resize: 224,
    interpolation: "bicubic",
    license: "https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
  },
});

export const RegNet_Y_3_2GF_Weights = imagenetWeights("RegNet_Y_3_2GF_Weights", "regnet_y_3_2gf", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "regnet_y_3_2gf-b5a9779c.pth", params: 19436338, minSize: 1, accuracy: [78.948, 94.576] },
  IMAGENET1K_V2: {
    file: "regnet_y_3_2gf-9180c971.pth",
    params: 19436338,
    minSize: 1,
    accuracy: [81.982, 95.972],
    resize: 232,
  },
});

export const RegNet_Y_400MF_Weights = imagenetWeights("RegNet_Y_400MF_Weights", "regnet_y_400mf", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "regnet_y_400mf-c65dace8.pth", params: 4344144, minSize: 1, accuracy: [74.046, 91.716] },
  IMAGENET1K_V2: {
    file: "regnet_y_400mf-e6988f5f.pth",
    params: 4344144,
    minSize: 1,
    accuracy: [75.804, 92.742],
    resize: 232,
  },
});

export const RegNet_Y_800MF_Weights = imagenetWeights("RegNet_Y_800MF_Weights", "regnet_y_800mf", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "regnet_y_800mf-1b27b58c.pth", params: 6432512, minSize: 1, accuracy: [76.42, 93.136] },
  IMAGENET1K_V2: {
    file: "regnet_y_800mf-58fc7688.pth",
    params: 6432512,
    minSize: 1,
    accuracy: [78.828, 94.502],
    resize: 232,
  },
});

export const RegNet_Y_8GF_Weights = imagenetWeights("RegNet_Y_8GF_Weights", "regnet_y_8gf", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "regnet_y_8gf-d0d0e4a8.pth", params: 39381472, minSize: 1, accuracy: [80.032, 95.048] },
  IMAGENET1K_V2: {
    file: "regnet_y_8gf-dc2b1b54.pth",
    params: 39381472,
    minSize: 1,
    accuracy: [82.828, 96.33],
    resize: 232,
  },
});

export const ResNet101_Weights = imagenetWeights("ResNet101_Weights", "resnet101", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "resnet101-63fe2227.pth", params: 44549160, minSize: 1, accuracy: [77.374, 93.546] },
  IMAGENET1K_V2: {
    file: "resnet101-cd907fc2.pth",
    params: 44549160,
    minSize: 1,
    accuracy: [81.886, 95.78],
    resize: 232,
  },
});

export const ResNet152_Weights = imagenetWeights("ResNet152_Weights", "resnet152", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "resnet152-394f9c45.pth", params: 60192808, minSize: 1, accuracy: [78.312, 94.046] },
  IMAGENET1K_V2: {
    file: "resnet152-f82ba261.pth",
    params: 60192808,
    minSize: 1,
    accuracy: [82.284, 96.002],
    resize: 232,
  },
});

export const ResNet18_Weights = imagenetWeights("ResNet18_Weights", "resnet18", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "resnet18-f37072fd.pth", params: 11689512, minSize: 1, accuracy: [69.758, 89.078] },
});

export const ResNet34_Weights = imagenetWeights("ResNet34_Weights", "resnet34", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "resnet34-b627a593.pth", params: 21797672, minSize: 1, accuracy: [73.314, 91.42] },
});

export const ResNet50_Weights = imagenetWeights("ResNet50_Weights", "resnet50", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "resnet50-0676ba61.pth", params: 25557032, minSize: 1, accuracy: [76.13, 92.862] },
  IMAGENET1K_V2: {
    file: "resnet50-11ad3fa6.pth",
    params: 25557032,
    minSize: 1,
    accuracy: [80.858, 95.434],
    resize: 232,
  },
});

export const ResNeXt101_32X8D_Weights = imagenetWeights(
  "ResNeXt101_32X8D_Weights",
  "resnext101_32x8d",
  "IMAGENET1K_V2",
  {
    IMAGENET1K_V1: { file: "resnext101_32x8d-8ba56ff5.pth", params: 88791336, minSize: 1, accuracy: [79.312, 94.526] },
    IMAGENET1K_V2: {
      file: "resnext101_32x8d-110c445d.pth",
      params: 88791336,
      minSize: 1,
      accuracy: [82.834, 96.228],
      resize: 232,
    },
  },
);

export const ResNeXt101_64X4D_Weights = imagenetWeights(
  "ResNeXt101_64X4D_Weights",
  "resnext101_64x4d",
  "IMAGENET1K_V1",
  {
    IMAGENET1K_V1: {
      file: "resnext101_64x4d-173b62eb.pth",
      params: 83455272,
      minSize: 1,
      accuracy: [83.246, 96.454],
      resize: 232,
    },
  },
);

export const ResNeXt50_32X4D_Weights = imagenetWeights("ResNeXt50_32X4D_Weights", "resnext50_32x4d", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "resnext50_32x4d-7cdf4587.pth", params: 25028904, minSize: 1, accuracy: [77.618, 93.698] },
  IMAGENET1K_V2: {
    file: "resnext50_32x4d-1a0047aa.pth",
    params: 25028904,
    minSize: 1,
    accuracy: [81.198, 95.34],
    resize: 232,
  },
});

export const ShuffleNet_V2_X0_5_Weights = imagenetWeights(
  "ShuffleNet_V2_X0_5_Weights",
  "shufflenet_v2_x0_5",
  "IMAGENET1K_V1",
  {
    IMAGENET1K_V1: {
      file: "shufflenetv2_x0.5-f707e7126e.pth",
      params: 1366792,
      minSize: 1,
      accuracy: [60.552, 81.746],
    },
  },
);

export const ShuffleNet_V2_X1_0_Weights = imagenetWeights(
  "ShuffleNet_V2_X1_0_Weights",
  "shufflenet_v2_x1_0",
  "IMAGENET1K_V1",
  {
    IMAGENET1K_V1: { file: "shufflenetv2_x1-5666bf0f80.pth", params: 2278604, minSize: 1, accuracy: [69.362, 88.316] },
  },
);

export const ShuffleNet_V2_X1_5_Weights = imagenetWeights(
  "ShuffleNet_V2_X1_5_Weights",
  "shufflenet_v2_x1_5",
  "IMAGENET1K_V1",
  {
    IMAGENET1K_V1: {
      file: "shufflenetv2_x1_5-3c479a10.pth",
      params: 3503624,
      minSize: 1,
      accuracy: [72.996, 91.086],
      resize: 232,
    },
  },
);

export const ShuffleNet_V2_X2_0_Weights = imagenetWeights(
  "ShuffleNet_V2_X2_0_Weights",
  "shufflenet_v2_x2_0",
  "IMAGENET1K_V1",
  {
    IMAGENET1K_V1: {
      file: "shufflenetv2_x2_0-8be3c8ee.pth",
      params: 7393996,
      minSize: 1,
      accuracy: [76.23, 93.006],
      resize: 232,
    },
  },
);

export const SqueezeNet1_0_Weights = imagenetWeights("SqueezeNet1_0_Weights", "squeezenet1_0", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "squeezenet1_0-b66bff10.pth", params: 1248424, minSize: 21, accuracy: [58.092, 80.42] },
});

export const SqueezeNet1_1_Weights = imagenetWeights("SqueezeNet1_1_Weights", "squeezenet1_1", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "squeezenet1_1-b8a52dc0.pth", params: 1235496, minSize: 17, accuracy: [58.178, 80.624] },
});

export const Swin_B_Weights = imagenetWeights("Swin_B_Weights", "swin_b", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "swin_b-68c6b09e.pth",
    params: 87768224,
    minSize: 224,
    accuracy: [83.582, 96.64],
    resize: 238,
    interpolation: "bicubic",
  },
});

export const Swin_S_Weights = imagenetWeights("Swin_S_Weights", "swin_s", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "swin_s-5e29d889.pth",
    params: 49606258,
    minSize: 224,
    accuracy: [83.196, 96.36],
    resize: 246,
    interpolation: "bicubic",
  },
});

export const Swin_T_Weights = imagenetWeights("Swin_T_Weights", "swin_t", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "swin_t-704ceda3.pth",
    params: 28288354,
    minSize: 224,
    accuracy: [81.474, 95.776],
    resize: 232,
    interpolation: "bicubic",
  },
});

export const Swin_V2_B_Weights = imagenetWeights("Swin_V2_B_Weights", "swin_v2_b", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "swin_v2_b-781e5279.pth",
    params: 87930848,
    minSize: 256,
    accuracy: [84.112, 96.864],
    resize: 272,
    crop: 256,
    interpolation: "bicubic",
  },
});

export const Swin_V2_S_Weights = imagenetWeights("Swin_V2_S_Weights", "swin_v2_s", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "swin_v2_s-637d8ceb.pth",
    params: 49737442,
    minSize: 256,
    accuracy: [83.712, 96.816],
    resize: 260,
    crop: 256,
    interpolation: "bicubic",
  },
});

export const Swin_V2_T_Weights = imagenetWeights("Swin_V2_T_Weights", "swin_v2_t", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "swin_v2_t-b137f0e2.pth",
    params: 28351570,
    minSize: 256,
    accuracy: [82.072, 96.132],
    resize: 260,
    crop: 256,
    interpolation: "bicubic",
  },
});

export const VGG11_Weights = imagenetWeights("VGG11_Weights", "vgg11", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "vgg11-8a719046.pth", params: 132863336, minSize: 32, accuracy: [69.02, 88.628] },
});

export const VGG11_BN_Weights = imagenetWeights("VGG11_BN_Weights", "vgg11_bn", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "vgg11_bn-6002323d.pth", params: 132868840, minSize: 32, accuracy: [70.37, 89.81] },
});

export const VGG13_Weights = imagenetWeights("VGG13_Weights", "vgg13", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "vgg13-19584684.pth", params: 133047848, minSize: 32, accuracy: [69.928, 89.246] },
});

export const VGG13_BN_Weights = imagenetWeights("VGG13_BN_Weights", "vgg13_bn", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "vgg13_bn-abd245e5.pth", params: 133053736, minSize: 32, accuracy: [71.586, 90.374] },
});

export const VGG16_Weights = imagenetWeights("VGG16_Weights", "vgg16", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "vgg16-397923af.pth", params: 138357544, minSize: 32, accuracy: [71.592, 90.382] },
  IMAGENET1K_FEATURES: {
    file: "vgg16_features-amdegroot-88682ab5.pth",
    params: 138357544,
    minSize: 32,
    mean: [0.48235, 0.45882, 0.40784],
    std: [0.00392156862745098, 0.00392156862745098, 0.00392156862745098],
    categories: null,
  },
});

export const VGG16_BN_Weights = imagenetWeights("VGG16_BN_Weights", "vgg16_bn", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "vgg16_bn-6c64b313.pth", params: 138365992, minSize: 32, accuracy: [73.36, 91.516] },
});

export const VGG19_Weights = imagenetWeights("VGG19_Weights", "vgg19", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "vgg19-dcbb9e9d.pth", params: 143667240, minSize: 32, accuracy: [72.376, 90.876] },
});

export const VGG19_BN_Weights = imagenetWeights("VGG19_BN_Weights", "vgg19_bn", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "vgg19_bn-c79401a0.pth", params: 143678248, minSize: 32, accuracy: [74.218, 91.842] },
});

export const ViT_B_16_Weights = imagenetWeights("ViT_B_16_Weights", "vit_b_16", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "vit_b_16-c867db91.pth", params: 86567656, minSize: 224, accuracy: [81.072, 95.318] },
  IMAGENET1K_SWAG_E2E_V1: {
    file: "vit_b_16_swag-9ac1b537.pth",
    params: 86859496,
    minSize: 384,
    accuracy: [85.304, 97.65],
    resize: 384,
    crop: 384,
    interpolation: "bicubic",
    license: "https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
  },
  IMAGENET1K_SWAG_LINEAR_V1: {
    file: "vit_b_16_lc_swag-4e70ced5.pth",
    params: 86567656,
    minSize: 224,
    accuracy: [81.886, 96.18],
    resize: 224,
    interpolation: "bicubic",
    license: "https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
  },
});

export const ViT_B_32_Weights = imagenetWeights("ViT_B_32_Weights", "vit_b_32", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "vit_b_32-d86f8d99.pth", params: 88224232, minSize: 224, accuracy: [75.912, 92.466] },
});

export const ViT_H_14_Weights = imagenetWeights("ViT_H_14_Weights", "vit_h_14", "IMAGENET1K_SWAG_E2E_V1", {
  IMAGENET1K_SWAG_E2E_V1: {
    file: "vit_h_14_swag-80465313.pth",
    params: 633470440,
    minSize: 518,
    accuracy: [88.552, 98.694],
    resize: 518,
    crop: 518,
    interpolation: "bicubic",
    license: "https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
  },
  IMAGENET1K_SWAG_LINEAR_V1: {
    file: "vit_h_14_lc_swag-c1eb923e.pth",
    params: 632045800,
    minSize: 224,
    accuracy: [85.708, 97.73],
    resize: 224,
    interpolation: "bicubic",
    license: "https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
  },
});

export const ViT_L_16_Weights = imagenetWeights("ViT_L_16_Weights", "vit_l_16", "IMAGENET1K_V1", {
  IMAGENET1K_V1: {
    file: "vit_l_16-852ce7e3.pth",
    params: 304326632,
    minSize: 224,
    accuracy: [79.662, 94.638],
    resize: 242,
  },
  IMAGENET1K_SWAG_E2E_V1: {
    file: "vit_l_16_swag-4f3808c9.pth",
    params: 305174504,
    minSize: 512,
    accuracy: [88.064, 98.512],
    resize: 512,
    crop: 512,
    interpolation: "bicubic",
    license: "https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
  },
  IMAGENET1K_SWAG_LINEAR_V1: {
    file: "vit_l_16_lc_swag-4d563306.pth",
    params: 304326632,
    minSize: 224,
    accuracy: [85.146, 97.422],
    resize: 224,
    interpolation: "bicubic",
    license: "https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
  },
});

export const ViT_L_32_Weights = imagenetWeights("ViT_L_32_Weights", "vit_l_32", "IMAGENET1K_V1", {
  IMAGENET1K_V1: { file: "vit_l_32-c7638314.pth", params: 306535400, minSize: 224, accuracy: [76.972, 93.07] },
});

export const Wide_ResNet101_2_Weights = imagenetWeights(
  "Wide_ResNet101_2_Weights",
  "wide_resnet101_2",
  "IMAGENET1K_V2",
  {
    IMAGENET1K_V1: { file: "wide_resnet101_2-32ee1156.pth", params: 126886696, minSize: 1, accuracy: [78.848, 94.284] },
    IMAGENET1K_V2: {
      file: "wide_resnet101_2-d733dc28.pth",
      params: 126886696,
      minSize: 1,
      accuracy: [82.51, 96.02],
      resize: 232,
    },
  },
);

export const Wide_ResNet50_2_Weights = imagenetWeights("Wide_ResNet50_2_Weights", "wide_resnet50_2", "IMAGENET1K_V2", {
  IMAGENET1K_V1: { file: "wide_resnet50_2-95faca4d.pth", params: 68883240, minSize: 1, accuracy: [78.468, 94.086] },
  IMAGENET1K_V2: {
    file: "wide_resnet50_2-9ba9bcbe.pth",
    params: 68883240,
    minSize: 1,
    accuracy: [81.602, 95.758],
    resize: 232,
  },
});
