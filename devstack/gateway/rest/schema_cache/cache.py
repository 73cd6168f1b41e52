"""The schema cache: tables, relationships and functions, so that no request asks the catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass

from devstack.gateway.rest.configuration import Configuration
from devstack.gateway.rest.schema_cache.functions import Function
from devstack.gateway.rest.schema_cache.relationships import Relationship
from devstack.gateway.rest.schema_cache.tables import Name, Relation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SchemaCache:
    """One state of the configuration and the exposed schemas. A new state is a new object."""

    configuration: Configuration
    relations: Mapping[Name, Relation]
    relationships: Mapping[Name, tuple[Relationship, ...]]
    functions: Mapping[Name, tuple[Function, ...]]
    role_settings: Mapping[str, tuple[tuple[str, str], ...]]
