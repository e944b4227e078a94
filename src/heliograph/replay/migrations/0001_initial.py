import django.db.models.deletion
import heliograph.store.instant_field
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Replay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('flow_id', models.BigIntegerField()),
                ('flow_name', models.CharField(blank=True, max_length=200)),
                ('selection', models.JSONField(default=dict)),
                ('choice', models.JSONField(default=dict)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('rate', models.IntegerField(null=True)),
                ('config_version', models.BigIntegerField(default=0)),
                ('check_job', models.BigIntegerField(null=True)),
                ('send_job', models.BigIntegerField(null=True)),
                ('by', models.CharField(max_length=60)),
                ('created', heliograph.store.instant_field.MicrosField()),
                ('started', heliograph.store.instant_field.MicrosField(null=True)),
                ('started_by', models.CharField(blank=True, default='', max_length=60)),
                ('stopped', heliograph.store.instant_field.MicrosField(null=True)),
                ('stopped_by', models.CharField(blank=True, default='', max_length=60)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
            ],
            options={
                'verbose_name': 'replay',
                'verbose_name_plural': 'replays',
                'db_table': 'replay',
                'indexes': [models.Index(fields=['account', '-id'], name='replay_of_account'), models.Index(fields=['flow_id', 'id'], name='replay_of_flow')],
            },
        ),
        migrations.CreateModel(
            name='ReplayLine',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('account_id', models.BigIntegerField()),
                ('destination_id', models.BigIntegerField()),
                ('subject_id', models.BigIntegerField()),
                ('registration_id', models.BigIntegerField(null=True)),
                ('event_id', models.BigIntegerField()),
                ('change_id', models.BigIntegerField()),
                ('version', models.BigIntegerField()),
                ('at', heliograph.store.instant_field.MicrosField()),
                ('verdict', models.SmallIntegerField()),
                ('note', models.CharField(db_default='', max_length=20)),
                ('problem', models.CharField(db_default='', max_length=200)),
                ('action_id', models.BigIntegerField(null=True)),
                ('left_out', models.SmallIntegerField(db_default=0)),
                ('replay', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='replay.replay')),
            ],
            options={
                'db_table': 'replay_line',
                'indexes': [models.Index(fields=['replay', 'at', 'id'], name='replay_line_in_order'), models.Index(fields=['replay', 'verdict', 'id'], name='replay_line_by_verdict'), models.Index(condition=models.Q(('action_id__isnull', False)), fields=['action_id'], name='replay_line_of_action')],
                'constraints': [models.UniqueConstraint(fields=('replay', 'destination_id', 'subject_id', 'version'), name='replay_line_unique'), models.CheckConstraint(condition=models.Q(('verdict__gte', 1), ('verdict__lte', 6)), name='replay_line_verdict_known')],
            },
        ),
    ]
