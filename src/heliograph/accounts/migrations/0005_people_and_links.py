
import django.db.models.deletion
import heliograph.store.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_allowed_networks'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='invited',
            field=models.BooleanField(db_default=False, default=False, verbose_name='has not been here yet'),
        ),
        migrations.AddField(
            model_name='user',
            name='second_factor_due',
            field=models.BooleanField(db_default=False, default=False, verbose_name='has to set up a second factor'),
        ),
        migrations.CreateModel(
            name='EntryLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('purpose', models.CharField(choices=[('invitation', 'Invitation'), ('reset', 'New password'), ('first start', 'First start')], max_length=20)),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('created', heliograph.store.fields.MicrosField()),
                ('created_by', models.CharField(max_length=60)),
                ('expires', heliograph.store.fields.MicrosField()),
                ('used', heliograph.store.fields.MicrosField(null=True)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='links', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'one-time link',
                'verbose_name_plural': 'one-time links',
                'db_table': 'entry_link',
            },
        ),
    ]
