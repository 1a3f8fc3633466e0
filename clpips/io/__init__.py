"""Bytes in and out: images, rankings tables, files that are written whole or not at all."""
