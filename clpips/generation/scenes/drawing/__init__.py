"""SVG primitives: colours, light, paths, textures; they know no thing and no place."""
