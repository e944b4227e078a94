import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import heliograph.accounts.models
import heliograph.store.instant_field
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Account',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=25, unique=True, validators=[django.core.validators.RegexValidator('\\A[A-Za-z0-9-]+\\Z', 'Letters, digits and dashes only.')], verbose_name='code')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('timezone', models.CharField(default='UTC', max_length=64, validators=[heliograph.accounts.models.validate_timezone], verbose_name='time zone')),
                ('signal_enabled', models.BooleanField(default=True, help_text='Off: the menu entry is gone and flows rest.', verbose_name='Signal is on')),
                ('retry_intervals', models.JSONField(blank=True, editable=False, null=True)),
                ('content_days', models.PositiveIntegerField(blank=True, editable=False, null=True)),
                ('row_days', models.PositiveIntegerField(blank=True, editable=False, null=True)),
                ('allowed_networks', models.JSONField(blank=True, editable=False, null=True)),
                ('created', models.DateTimeField(auto_now_add=True, verbose_name='created')),
            ],
            options={
                'verbose_name': 'account',
                'verbose_name_plural': 'accounts',
            },
        ),
        migrations.CreateModel(
            name='Remembered',
            fields=[
                ('key', models.CharField(max_length=255, primary_key=True, serialize=False)),
                ('value', models.TextField()),
                ('until', heliograph.store.instant_field.MicrosField(db_index=True)),
            ],
            options={
                'db_table': 'remembered',
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('email', models.EmailField(max_length=254, unique=True, verbose_name='e-mail address')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('role', models.CharField(choices=[('Administrator', 'Administrator'), ('Planner', 'Planner'), ('Viewer', 'Viewer')], default='Viewer', max_length=20, verbose_name='role')),
                ('is_active', models.BooleanField(default=True, verbose_name='may sign in')),
                ('invited', models.BooleanField(db_default=False, default=False, verbose_name='has not been here yet')),
                ('second_factor_required', models.BooleanField(db_default=False, default=False, verbose_name='has to have a second factor')),
                ('created', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('account', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='users', to='accounts.account', verbose_name='account')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'constraints': [models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='user_email_lower_case'), models.CheckConstraint(condition=models.Q(('role__in', ['Administrator', 'Planner', 'Viewer'])), name='user_role_known')],
            },
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('prefix', models.CharField(max_length=12, unique=True)),
                ('digest', models.CharField(max_length=64)),
                ('scopes', models.JSONField(default=list, verbose_name='may')),
                ('created', heliograph.store.instant_field.MicrosField(verbose_name='created')),
                ('created_by', models.CharField(max_length=60)),
                ('expires', heliograph.store.instant_field.MicrosField(null=True, verbose_name='expires')),
                ('last_used', heliograph.store.instant_field.MicrosField(null=True, verbose_name='last used')),
                ('revoked', heliograph.store.instant_field.MicrosField(null=True, verbose_name='revoked')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
            ],
            options={
                'verbose_name': 'API token',
                'verbose_name_plural': 'API tokens',
                'db_table': 'api_token',
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', heliograph.store.instant_field.MicrosField(verbose_name='at')),
                ('by', models.CharField(max_length=60, verbose_name='by')),
                ('what', models.CharField(max_length=60, verbose_name='what')),
                ('kind', models.CharField(max_length=40, verbose_name='object')),
                ('object_id', models.BigIntegerField()),
                ('name', models.CharField(max_length=300, verbose_name='name')),
                ('before', models.JSONField(null=True, verbose_name='before')),
                ('after', models.JSONField(null=True, verbose_name='after')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit entries',
                'db_table': 'audit_entry',
                'ordering': ('-id',),
                'indexes': [models.Index(fields=['account', 'id'], name='audit_entry_of_account'), models.Index(fields=['account', 'kind', 'object_id', 'id'], name='audit_entry_of_object')],
            },
        ),
        migrations.CreateModel(
            name='EntryLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('purpose', models.CharField(choices=[('invitation', 'Invitation'), ('reset', 'New password'), ('first start', 'First start')], max_length=20)),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('created', heliograph.store.instant_field.MicrosField()),
                ('created_by', models.CharField(max_length=60)),
                ('expires', heliograph.store.instant_field.MicrosField()),
                ('used', heliograph.store.instant_field.MicrosField(null=True)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='links', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'one-time link',
                'verbose_name_plural': 'one-time links',
                'db_table': 'entry_link',
            },
        ),
    ]
