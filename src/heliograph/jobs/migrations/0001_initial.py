import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=40)),
                ('parameters', models.JSONField(default=dict)),
                ('state', models.CharField(choices=[('queued', 'Waiting'), ('running', 'Running'), ('paused', 'Paused'), ('cancelling', 'Stopping'), ('cancelled', 'Stopped'), ('done', 'Done'), ('failed', 'Failed')], default='queued', max_length=12)),
                ('cursor', models.JSONField(default=dict)),
                ('phase', models.CharField(blank=True, default='', max_length=40)),
                ('done', models.BigIntegerField(default=0)),
                ('total', models.BigIntegerField(null=True)),
                ('rate', models.FloatField(null=True)),
                ('counts', models.JSONField(default=dict)),
                ('result', models.JSONField(default=dict)),
                ('error', models.TextField(blank=True, default='')),
                ('created_by', models.CharField(max_length=60)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('started', models.DateTimeField(null=True)),
                ('finished', models.DateTimeField(null=True)),
                ('owner', models.CharField(blank=True, default='', max_length=60)),
                ('heartbeat', models.DateTimeField(null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='jobs', to='accounts.account')),
            ],
            options={
                'verbose_name': 'job',
                'verbose_name_plural': 'jobs',
                'indexes': [models.Index(fields=['account', '-id'], name='job_of_account'), models.Index(condition=models.Q(('state__in', ('done', 'failed', 'cancelled')), _negated=True), fields=['id'], name='job_open')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['queued', 'running', 'paused', 'cancelling', 'cancelled', 'done', 'failed'])), name='job_state_known')],
            },
        ),
    ]
