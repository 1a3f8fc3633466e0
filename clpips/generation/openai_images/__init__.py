"""The maker ``http:<base-url>``: asks any service with OpenAI's images endpoints."""

from clpips.generation.openai_images.maker import Service, opened

__all__ = ["Service", "opened"]
