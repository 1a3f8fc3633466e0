"""``tiny``: a small Stable-Diffusion-shaped model, trained here on images rendered by ``scenes``."""
