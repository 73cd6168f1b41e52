"""The configuration of the saleroom."""

import dataclasses
import json


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SaleroomConfig:
    """The configuration, which is the JSON file of `--config`."""

    port: int
    service_url: str
    supabase_url: str
    publishable_key: str
    stripe_url: str
    stripe_publishable_key: str
    #: The database, in which the tools of the pages change the time of an auction.
    database_url: str = dataclasses.field(repr=False)

    @property
    def public_settings(self) -> dict[str, str]:
        """Return the settings that a browser gets: addresses and publishable keys."""
        return {
            "supabaseUrl": self.supabase_url,
            "publishableKey": self.publishable_key,
            "stripeUrl": self.stripe_url,
            "stripePublishableKey": self.stripe_publishable_key,
        }

    @classmethod
    def from_json(cls, text: str) -> "SaleroomConfig":
        """Read the text that `to_json` wrote."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """Return the text that `from_json` reads."""
        return json.dumps(dataclasses.asdict(self), indent=2)
