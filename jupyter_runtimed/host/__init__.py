"""The asyncio shell around the pure room: carries out its effects on files, kernels and store."""
