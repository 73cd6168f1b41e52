"""What Stripe has objects of, a module each; an operation of the API is a function here.

An operation reads all its parameters, closes them with `finish`, and only then changes anything. It
returns the object, raises a `StripeError`, or returns an `Answer` that is kept although it failed.

- Paying: `customers`, `payment_methods` (of the test `cards`), `payment_intents` with
  `intent_fields` and `confirmation`, `charges` with `charge_booking`, `refunds`.
- Disputes: `disputes` for the merchant, `dispute_evidence`, and `dispute_cases` for the bank.
- Connect: `accounts` with `account_fields` and `account_state`, `account_links`, `transfers`, their
  `reversals` and `destination_payments`; `account` is the platform's own.
- Money: `books` keeps it, `balance` shows it.
- Identity: `identity_sessions` with `identity_fields`, and `identity_checks` for Stripe's part.
- `events` are what all of them told the world.
"""
