"""No row names a row of another account, whatever the code above forgets."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from heliograph.store.tenancy import SameAccount


class Migration(migrations.Migration):
    dependencies: ClassVar = [("flows", "0001_initial"), ("connections", "0002_same_account"), ("mappings", "0002_same_account")]
    operations: ClassVar = [
        SameAccount("destination", "flow_id", "flow"),
        SameAccount("destination", "connection_id", "connection"),
        SameAccount("destination", "payload_mapping_id", "mapping"),
        SameAccount("destination", "header_mapping_id", "mapping"),
        SameAccount("flow_tag", "flow_id", "flow"),
        SameAccount("flow_tag", "tag_id", "tag"),
        SameAccount("flow_field", "flow_id", "flow"),
        SameAccount("flow_field", "field_id", "custom_field"),
    ]
