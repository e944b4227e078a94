import django.db.models.deletion
import heliograph.setup.name_fields
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('setup', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Mapping',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('body', models.JSONField(default=dict)),
                ('number', models.PositiveIntegerField(default=0)),
                ('created', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('created_by', models.CharField(max_length=60)),
                ('changed', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('changed_by', models.CharField(max_length=60)),
                ('deleted_at', models.DateTimeField(editable=False, null=True)),
                ('name', models.CharField(max_length=100, validators=[heliograph.setup.name_fields.storable], verbose_name='name')),
                ('folded_name', heliograph.setup.name_fields.FoldedField(editable=False, of='name')),
                ('kind', models.CharField(choices=[('payload', 'payload'), ('header', 'header')], max_length=10, verbose_name='kind')),
                ('subject', models.CharField(choices=[('registration', 'registration'), ('session', 'session'), ('event', 'event')], max_length=20, verbose_name='made for')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
            ],
            options={
                'db_table': 'mapping',
                'ordering': ('folded_name',),
                'constraints': [models.UniqueConstraint(condition=models.Q(('deleted_at__isnull', True)), fields=('account', 'folded_name'), name='mapping_name_unique', violation_error_message='There is a mapping of this name already.'), models.CheckConstraint(condition=models.Q(('kind__in', ['payload', 'header'])), name='mapping_kind_known'), models.CheckConstraint(condition=models.Q(('subject__in', ['registration', 'session', 'event'])), name='mapping_subject_known')],
            },
        ),
        migrations.CreateModel(
            name='MappingField',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('field', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='named_by_mappings', to='setup.customfield')),
                ('mapping', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='names_fields', to='mappings.mapping')),
            ],
            options={
                'db_table': 'mapping_field',
                'constraints': [models.UniqueConstraint(fields=('mapping', 'field'), name='mapping_field_unique')],
            },
        ),
        migrations.CreateModel(
            name='MappingTag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('mapping', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='names_tags', to='mappings.mapping')),
                ('tag', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='named_by_mappings', to='setup.tag')),
            ],
            options={
                'db_table': 'mapping_tag',
                'constraints': [models.UniqueConstraint(fields=('mapping', 'tag'), name='mapping_tag_unique')],
            },
        ),
    ]
