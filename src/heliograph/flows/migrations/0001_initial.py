import django.db.models.deletion
import heliograph.setup.name_fields
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('connections', '0001_initial'),
        ('mappings', '0001_initial'),
        ('setup', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Flow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('body', models.JSONField(default=dict)),
                ('number', models.PositiveIntegerField(default=0)),
                ('created', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('created_by', models.CharField(max_length=60)),
                ('changed', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('changed_by', models.CharField(max_length=60)),
                ('deleted_at', models.DateTimeField(editable=False, null=True)),
                ('name', models.CharField(blank=True, max_length=200, validators=[heliograph.setup.name_fields.storable], verbose_name='flow name')),
                ('mode', models.CharField(choices=[('Live', 'Live'), ('Test', 'Test')], max_length=10, verbose_name='Live or Test')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('is_complete', models.BooleanField(default=False, verbose_name='complete')),
                ('watch', models.CharField(blank=True, choices=[('Registration Create Update', 'Registration Create Update'), ('Registration Status Change', 'Registration Status Change'), ('Session Registration Status Change', 'Session Registration Status Change'), ('Event Create Update', 'Event Create Update')], max_length=60, verbose_name='watches for')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
            ],
            options={
                'db_table': 'flow',
                'ordering': ('name', 'id'),
                'indexes': [models.Index(condition=models.Q(('deleted_at__isnull', True)), fields=['account', 'name', 'id'], name='flow_list')],
                'constraints': [models.CheckConstraint(condition=models.Q(('mode__in', ['Live', 'Test'])), name='flow_mode_known')],
            },
        ),
        migrations.CreateModel(
            name='Destination',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(blank=True, max_length=100, validators=[heliograph.setup.name_fields.storable], verbose_name='destination name')),
                ('does', models.CharField(choices=[('updates', 'updates'), ('adds', 'adds')], default='updates', max_length=10)),
                ('position', models.PositiveIntegerField(default=0)),
                ('removed_at', models.DateTimeField(editable=False, null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('connection', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='destinations', to='connections.connection')),
                ('header_mapping', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='headers_of', to='mappings.mapping')),
                ('payload_mapping', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='payload_of', to='mappings.mapping')),
                ('flow', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='destinations', to='flows.flow')),
            ],
            options={
                'db_table': 'destination',
                'ordering': ('position', 'id'),
                'constraints': [models.CheckConstraint(condition=models.Q(('does__in', ['updates', 'adds'])), name='destination_does_known')],
            },
        ),
        migrations.CreateModel(
            name='FlowField',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('field', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='named_by_flows', to='setup.customfield')),
                ('flow', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='names_fields', to='flows.flow')),
            ],
            options={
                'db_table': 'flow_field',
                'constraints': [models.UniqueConstraint(fields=('flow', 'field'), name='flow_field_unique')],
            },
        ),
        migrations.CreateModel(
            name='FlowTag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('place', models.CharField(max_length=20)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('flow', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='names_tags', to='flows.flow')),
                ('tag', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='named_by_flows', to='setup.tag')),
            ],
            options={
                'db_table': 'flow_tag',
                'constraints': [models.UniqueConstraint(fields=('flow', 'tag', 'place'), name='flow_tag_unique')],
            },
        ),
    ]
