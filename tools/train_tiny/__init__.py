"""``tiny``: a small Stable-Diffusion-shaped model, trained here on pictures of ``scenes``."""
