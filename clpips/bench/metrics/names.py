"""The names of the metrics, in the order of the table; nothing heavy is imported."""

METRICS = (
    "lpips_target",
    "lpips_history",
    "lpips_alex_target",
    "lpips_alex_history",
    "ssim_target",
    "ssim_history",
    "ssim_compat_target",
    "ssim_compat_history",
    "cps",
    "cps_judge",
    "cpis_history",
    "hpsv2",
    "aesthetic_v1",
    "aesthetic_v2",
    "feature_norm",
    "verifier",
    "dino_target",
    "dino_history",
    "margin_history",
    "personal_target",
)
