"""What handsets do and see: inbound routing, fan-out, receipts, windows."""
