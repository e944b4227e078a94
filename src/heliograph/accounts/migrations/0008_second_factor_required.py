from django.db import migrations, models


class Migration(migrations.Migration):
    """What was forgotten once a second factor was set up becomes a setting that stays. Whoever has one by now had it required or not: an Administrator says so anew."""

    dependencies = [
        ("accounts", "0007_remembered"),
    ]

    operations = [
        migrations.RenameField(model_name="user", old_name="second_factor_due", new_name="second_factor_required"),
        migrations.AlterField(
            model_name="user",
            name="second_factor_required",
            field=models.BooleanField(db_default=False, default=False, verbose_name="has to have a second factor"),
        ),
    ]
