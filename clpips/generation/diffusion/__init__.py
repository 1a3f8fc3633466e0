"""Any Stable-Diffusion-shaped pipeline of diffusers as a maker, and the one that ships."""
