"""Money in: payments that buyers make, what Stripe tells us about them, and refunds."""
