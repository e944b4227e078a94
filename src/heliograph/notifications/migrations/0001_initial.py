"""Who wants to be told what, problems, and the messages about them (B4, O5)."""

import heliograph.store.instant_field
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('account_id', models.BigIntegerField()),
                ('key', models.CharField(max_length=320)),
                ('uid', models.CharField(max_length=40)),
                ('problem_id', models.BigIntegerField(db_default=0, default=0)),
                ('kind', models.CharField(max_length=12)),
                ('phase', models.CharField(max_length=12)),
                ('way', models.CharField(max_length=12)),
                ('address', models.CharField(max_length=254)),
                ('user_id', models.BigIntegerField(db_default=0, default=0)),
                ('title', models.CharField(max_length=300)),
                ('body', models.TextField()),
                ('state', models.SmallIntegerField(choices=[(1, 'Waiting'), (2, 'Being sent'), (10, 'Sent'), (11, 'Not sent'), (12, 'Not needed')], db_default=1, default=1)),
                ('due', heliograph.store.instant_field.MicrosField()),
                ('held', models.BooleanField(db_default=False, default=False)),
                ('tries', models.SmallIntegerField(db_default=0, default=0)),
                ('owner', models.CharField(db_default='', default='', max_length=60)),
                ('claimed_until', heliograph.store.instant_field.MicrosField(null=True)),
                ('result', models.CharField(db_default='', default='', max_length=500)),
                ('created', heliograph.store.instant_field.MicrosField()),
                ('ended', heliograph.store.instant_field.MicrosField(null=True)),
            ],
            options={
                'db_table': 'notification_message',
                'indexes': [models.Index(condition=models.Q(('state__lt', 10)), fields=['due', 'id'], name='notification_message_due'), models.Index(condition=models.Q(('problem_id__gt', 0)), fields=['problem_id'], name='notification_message_about'), models.Index(fields=['created'], name='notification_message_made')],
                'constraints': [models.UniqueConstraint(fields=('account_id', 'key'), name='notification_message_once')],
            },
        ),
        migrations.CreateModel(
            name='NotificationRule',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('account_id', models.BigIntegerField()),
                ('scope', models.CharField(max_length=12)),
                ('thing_id', models.BigIntegerField()),
                ('body', models.TextField()),
                ('version', models.IntegerField(db_default=1, default=1)),
                ('changed', heliograph.store.instant_field.MicrosField()),
            ],
            options={
                'db_table': 'notification_rule',
                'constraints': [models.UniqueConstraint(fields=('account_id', 'scope', 'thing_id'), name='notification_rule_once')],
            },
        ),
        migrations.CreateModel(
            name='NotificationSettings',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('account_id', models.BigIntegerField()),
                ('user_id', models.BigIntegerField(db_default=0, default=0)),
                ('body', models.TextField()),
                ('version', models.IntegerField(db_default=1, default=1)),
                ('changed', heliograph.store.instant_field.MicrosField()),
            ],
            options={
                'db_table': 'notification_settings',
                'constraints': [models.UniqueConstraint(fields=('account_id', 'user_id'), name='notification_settings_once')],
            },
        ),
        migrations.CreateModel(
            name='Problem',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('account_id', models.BigIntegerField()),
                ('key', models.CharField(max_length=200)),
                ('kind', models.CharField(max_length=12)),
                ('since', heliograph.store.instant_field.MicrosField()),
                ('opened', heliograph.store.instant_field.MicrosField()),
                ('openings', models.IntegerField(db_default=1, default=1)),
                ('number', models.BigIntegerField(db_default=0, default=0)),
                ('facts', models.TextField()),
                ('calm_since', heliograph.store.instant_field.MicrosField(null=True)),
                ('resolved', heliograph.store.instant_field.MicrosField(null=True)),
            ],
            options={
                'db_table': 'notification_problem',
                'indexes': [models.Index(fields=['account_id', 'key', 'opened'], name='notification_problem_past')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('resolved__isnull', True)), fields=('account_id', 'key'), name='notification_problem_open')],
            },
        ),
    ]
