/**
 * The options that COLMAP has in each version, as far as they concern what we use or have to tell apart, read
 * from option_manager.cc and base_option_manager.cc at its tags 3.8, 3.9.1, 3.10, 3.11.1, 3.12.6, 3.13.0,
 * 4.0.4 and 4.1.1; those of 4.2.1 from the program's own help.
 */
const ALWAYS = [
  "ImageReader.single_camera",
  "ImageReader.camera_model",
  "SiftExtraction.max_num_features",
  "SiftExtraction.first_octave",
  "SiftExtraction.peak_threshold",
  "SiftMatching.cross_check",
  "ExhaustiveMatching.block_size",
  "SequentialMatching.overlap",
  "SequentialMatching.quadratic_overlap",
  "Mapper.ba_global_points_ratio",
  "Mapper.init_num_trials",
  "Mapper.max_num_models",
  "Mapper.min_model_size",
  "Mapper.num_threads",
  "Mapper.init_min_tri_angle",
  "Mapper.init_min_num_inliers",
  "Mapper.abs_pose_min_num_inliers",
  "Mapper.abs_pose_min_inlier_ratio",
  "Mapper.min_num_matches",
  "ImageReader.camera_params",
  // Each command's own.
  ...[
    "database_path",
    "image_path",
    "image_list_path",
    "input_path",
    "output_path",
    "match_list_path",
    "match_type",
  ],
];

const SIFT = ["SiftExtraction", "SiftMatching"].flatMap((group) => [
  `${group}.use_gpu`,
  `${group}.num_threads`,
]);
const FEATURE = ["FeatureExtraction", "FeatureMatching"].flatMap((group) => [
  `${group}.use_gpu`,
  `${group}.num_threads`,
]);

const BEFORE_3_12 = [
  ...ALWAYS,
  ...SIFT,
  "SiftMatching.guided_matching",
  "SiftExtraction.max_image_size",
  "Mapper.ba_global_images_ratio",
];
const SINCE_4_0 = [
  ...ALWAYS,
  ...FEATURE,
  "FeatureMatching.guided_matching",
  "FeatureExtraction.max_image_size",
  "Mapper.ba_global_frames_ratio",
  "log_target",
  "log_color",
];

export const COLMAP_OPTIONS: readonly (readonly [
  major: number,
  minor: number,
  options: readonly string[],
])[] = [
  [3, 8, BEFORE_3_12],
  [3, 9, BEFORE_3_12],
  [3, 10, BEFORE_3_12],
  [3, 11, BEFORE_3_12],
  [
    3,
    12,
    [
      ...ALWAYS,
      ...SIFT,
      "SiftMatching.guided_matching",
      "SiftExtraction.max_image_size",
      "Mapper.ba_global_frames_ratio",
    ],
  ],
  [
    3,
    13,
    [
      ...ALWAYS,
      ...FEATURE,
      "FeatureMatching.guided_matching",
      "SiftExtraction.max_image_size",
      "Mapper.ba_global_frames_ratio",
    ],
  ],
  [4, 0, SINCE_4_0],
  [4, 1, SINCE_4_0],
  [4, 2, SINCE_4_0],
];
