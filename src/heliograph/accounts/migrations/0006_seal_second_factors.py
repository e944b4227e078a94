"""Secrets of second factors, which lay in the clear so far, are sealed."""

from django.db import migrations


def seal(apps, schema_editor):
    from heliograph.accounts.vault import sealed

    rows = apps.get_model("mfa", "Authenticator").objects
    for row in rows.filter(type__in=("totp", "recovery_codes")):
        for name in ("secret", "seed"):
            if name in row.data:
                row.data[name] = sealed(row.data[name])
        if "migrated_codes" in row.data:
            row.data["migrated_codes"] = [sealed(code) for code in row.data["migrated_codes"]]
        row.save()


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0005_people_and_links"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]

    operations = [migrations.RunPython(seal, elidable=False)]
