import django.db.models.deletion
import heliograph.setup.name_fields
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Connection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('body', models.JSONField(default=dict)),
                ('number', models.PositiveIntegerField(default=0)),
                ('created', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('created_by', models.CharField(max_length=60)),
                ('changed', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('changed_by', models.CharField(max_length=60)),
                ('deleted_at', models.DateTimeField(editable=False, null=True)),
                ('name', models.CharField(max_length=100, validators=[heliograph.setup.name_fields.storable], verbose_name='connection name')),
                ('folded_name', heliograph.setup.name_fields.FoldedField(editable=False, of='name')),
                ('type', models.CharField(max_length=40, verbose_name='type')),
                ('host', models.CharField(default='', max_length=300, verbose_name='host')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
            ],
            options={
                'db_table': 'connection',
                'ordering': ('folded_name',),
                'constraints': [models.UniqueConstraint(condition=models.Q(('deleted_at__isnull', True)), fields=('account', 'folded_name'), name='connection_name_unique', violation_error_message='There is a connection of this name already.')],
            },
        ),
    ]
