"""The bundled sample: a portrait that speaks."""
