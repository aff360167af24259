"""Vector fields made of layers: the dense micro-kernel and the programs that compose it."""
