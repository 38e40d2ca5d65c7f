"""How the demo's clips and products are drawn and played."""
