import django.core.validators
import django.db.models.deletion
import heliograph.setup.models.questions
import heliograph.setup.models.tag_models
import heliograph.setup.name_fields
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('store', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='AttendeeType',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=25, validators=[django.core.validators.RegexValidator('\\A\\w(?:[\\w.-]*\\w)?\\Z', 'Letters, digits, dots, dashes and underscores only, with a letter or digit at both ends.')], verbose_name='code')),
                ('folded_code', heliograph.setup.name_fields.FoldedField(editable=False, of='code')),
                ('name', models.CharField(max_length=100, validators=[heliograph.setup.name_fields.storable], verbose_name='name')),
                ('folded_name', heliograph.setup.name_fields.FoldedField(editable=False, of='name')),
                ('position', models.PositiveIntegerField(default=0, editable=False, verbose_name='position')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attendee_types', to='store.event')),
            ],
            options={
                'db_table': 'attendee_type',
                'ordering': ('position', 'id'),
                'constraints': [models.UniqueConstraint(fields=('event', 'folded_code'), name='attendee_type_code_unique', violation_error_message='There is an attendee type of this code already.'), models.UniqueConstraint(fields=('event', 'folded_name'), name='attendee_type_name_unique', violation_error_message='There is an attendee type of this name already.')],
            },
        ),
        migrations.CreateModel(
            name='EventStatus',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=25, validators=[django.core.validators.RegexValidator('\\A\\w(?:[\\w.-]*\\w)?\\Z', 'Letters, digits, dots, dashes and underscores only, with a letter or digit at both ends.')], verbose_name='code')),
                ('folded_code', heliograph.setup.name_fields.FoldedField(editable=False, of='code')),
                ('name', models.CharField(max_length=100, validators=[heliograph.setup.name_fields.storable], verbose_name='name')),
                ('folded_name', heliograph.setup.name_fields.FoldedField(editable=False, of='name')),
                ('position', models.PositiveIntegerField(default=0, editable=False, verbose_name='position')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
            ],
            options={
                'db_table': 'event_status',
                'ordering': ('position', 'id'),
                'constraints': [models.UniqueConstraint(fields=('account', 'folded_code'), name='event_status_code_unique', violation_error_message='There is a status of this code already.'), models.UniqueConstraint(fields=('account', 'folded_name'), name='event_status_name_unique', violation_error_message='There is a status of this name already.')],
            },
        ),
        migrations.CreateModel(
            name='RegistrationProperty',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=25, validators=[django.core.validators.RegexValidator('\\A\\w(?:[\\w.-]*\\w)?\\Z', 'Letters, digits, dots, dashes and underscores only, with a letter or digit at both ends.')], verbose_name='code')),
                ('folded_code', heliograph.setup.name_fields.FoldedField(editable=False, of='code')),
                ('name', models.CharField(max_length=100, validators=[heliograph.setup.name_fields.storable, heliograph.setup.models.tag_models.no_standard_name], verbose_name='name')),
                ('folded_name', heliograph.setup.name_fields.FoldedField(editable=False, of='name')),
                ('position', models.PositiveIntegerField(default=0, editable=False, verbose_name='position')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='properties', to='store.event')),
            ],
            options={
                'db_table': 'registration_property',
                'ordering': ('position', 'id'),
                'constraints': [models.UniqueConstraint(fields=('event', 'folded_code'), name='registration_property_code_unique', violation_error_message='There is a property of this code already.'), models.UniqueConstraint(fields=('event', 'folded_name'), name='registration_property_name_unique', violation_error_message='There is a property of this name already.'), models.CheckConstraint(condition=models.Q(('folded_name__in', ('badge printed', 'complete', 'invoice generated', 'on to do list', 'test')), _negated=True), name='registration_property_name_not_standard', violation_error_message='This is the name of a standard registration property.')],
            },
        ),
        migrations.CreateModel(
            name='RegistrationStatus',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=25, validators=[django.core.validators.RegexValidator('\\A\\w(?:[\\w.-]*\\w)?\\Z', 'Letters, digits, dots, dashes and underscores only, with a letter or digit at both ends.')], verbose_name='code')),
                ('folded_code', heliograph.setup.name_fields.FoldedField(editable=False, of='code')),
                ('name', models.CharField(max_length=100, validators=[heliograph.setup.name_fields.storable], verbose_name='name')),
                ('folded_name', heliograph.setup.name_fields.FoldedField(editable=False, of='name')),
                ('cls', models.CharField(choices=[('Accepted', 'Accepted'), ('Pending', 'Pending'), ('Denied', 'Denied'), ('Cancelled', 'Cancelled')], db_column='class', max_length=20, verbose_name='class')),
                ('position', models.PositiveIntegerField(default=0, editable=False, verbose_name='position')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('event', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='statuses', to='store.event')),
            ],
            options={
                'db_table': 'registration_status',
                'ordering': ('position', 'id'),
                'constraints': [models.UniqueConstraint(condition=models.Q(('event__isnull', True)), fields=('account', 'folded_code'), name='standard_status_code_unique', violation_error_message='There is a status of this code already.'), models.UniqueConstraint(condition=models.Q(('event__isnull', True)), fields=('account', 'folded_name'), name='standard_status_name_unique', violation_error_message='There is a status of this name already.'), models.UniqueConstraint(condition=models.Q(('event__isnull', False)), fields=('event', 'folded_code'), name='custom_status_code_unique', violation_error_message='There is a status of this code already.'), models.UniqueConstraint(condition=models.Q(('event__isnull', False)), fields=('event', 'folded_name'), name='custom_status_name_unique', violation_error_message='There is a status of this name already.'), models.CheckConstraint(condition=models.Q(('cls__in', ['Accepted', 'Pending', 'Denied', 'Cancelled'])), name='registration_status_class_known')],
            },
        ),
        migrations.CreateModel(
            name='SessionStatus',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=25, validators=[django.core.validators.RegexValidator('\\A\\w(?:[\\w.-]*\\w)?\\Z', 'Letters, digits, dots, dashes and underscores only, with a letter or digit at both ends.')], verbose_name='code')),
                ('folded_code', heliograph.setup.name_fields.FoldedField(editable=False, of='code')),
                ('name', models.CharField(max_length=100, validators=[heliograph.setup.name_fields.storable], verbose_name='name')),
                ('folded_name', heliograph.setup.name_fields.FoldedField(editable=False, of='name')),
                ('position', models.PositiveIntegerField(default=0, editable=False, verbose_name='position')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
            ],
            options={
                'db_table': 'session_status',
                'ordering': ('position', 'id'),
                'constraints': [models.UniqueConstraint(fields=('account', 'folded_code'), name='session_status_code_unique', violation_error_message='There is a status of this code already.'), models.UniqueConstraint(fields=('account', 'folded_name'), name='session_status_name_unique', violation_error_message='There is a status of this name already.')],
            },
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, validators=[heliograph.setup.name_fields.storable, heliograph.setup.models.tag_models.no_standard_name], verbose_name='name')),
                ('folded_name', heliograph.setup.name_fields.FoldedField(editable=False, of='name')),
                ('label', models.CharField(max_length=100, validators=[heliograph.setup.name_fields.storable], verbose_name='label')),
                ('kinds', models.JSONField(default=list, validators=[heliograph.setup.models.tag_models.known_kinds], verbose_name='object kinds')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
            ],
            options={
                'db_table': 'tag',
                'ordering': ('folded_name',),
                'constraints': [models.UniqueConstraint(fields=('account', 'folded_name'), name='tag_name_unique', violation_error_message='There is a tag of this name already.'), models.CheckConstraint(condition=models.Q(('folded_name__in', ('badge printed', 'complete', 'invoice generated', 'on to do list', 'test')), _negated=True), name='tag_name_not_standard', violation_error_message='This is the name of a standard registration property.')],
            },
        ),
        migrations.CreateModel(
            name='SessionStatusTag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('status', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tagged', to='setup.sessionstatus')),
                ('tag', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='setup.tag')),
            ],
            options={
                'db_table': 'session_status_tag',
                'constraints': [models.UniqueConstraint(fields=('status', 'tag'), name='session_status_tag_unique')],
            },
        ),
        migrations.CreateModel(
            name='RegistrationStatusTag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('status', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tagged', to='setup.registrationstatus')),
                ('tag', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='setup.tag')),
            ],
            options={
                'db_table': 'registration_status_tag',
                'constraints': [models.UniqueConstraint(fields=('status', 'tag'), name='registration_status_tag_unique')],
            },
        ),
        migrations.CreateModel(
            name='RegistrationPropertyTag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('property', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tagged', to='setup.registrationproperty')),
                ('tag', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='setup.tag')),
            ],
            options={
                'db_table': 'registration_property_tag',
                'constraints': [models.UniqueConstraint(fields=('property', 'tag'), name='registration_property_tag_unique')],
            },
        ),
        migrations.CreateModel(
            name='Question',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=50, validators=[django.core.validators.RegexValidator('\\A\\w(?:[\\w.-]*\\w)?\\Z', 'Letters, digits, dots, dashes and underscores only, with a letter or digit at both ends.')], verbose_name='code')),
                ('folded_code', heliograph.setup.name_fields.FoldedField(editable=False, of='code')),
                ('label', models.CharField(max_length=300, validators=[heliograph.setup.name_fields.storable], verbose_name='label')),
                ('type', models.CharField(choices=[('text', 'text'), ('number', 'number'), ('date', 'date'), ('select', 'select'), ('multi-select', 'multi-select'), ('checkbox', 'checkbox'), ('radio', 'radio')], default='text', max_length=20, verbose_name='type')),
                ('options', models.JSONField(blank=True, default=list, validators=[heliograph.setup.models.questions.possible_options], verbose_name='options')),
                ('position', models.PositiveIntegerField(default=0, editable=False, verbose_name='position')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='questions', to='store.event')),
                ('tag', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='questions', to='setup.tag')),
            ],
            options={
                'db_table': 'question',
                'ordering': ('position', 'id'),
                'constraints': [models.UniqueConstraint(fields=('event', 'folded_code'), name='question_code_unique', violation_error_message='There is a question of this code already.'), models.CheckConstraint(condition=models.Q(('type__in', ('text', 'number', 'date', 'select', 'multi-select', 'checkbox', 'radio'))), name='question_type_known')],
            },
        ),
        migrations.CreateModel(
            name='EventTag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tagged', to='store.event')),
                ('tag', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='setup.tag')),
            ],
            options={
                'db_table': 'event_tag',
                'constraints': [models.UniqueConstraint(fields=('event', 'tag'), name='event_tag_unique')],
            },
        ),
        migrations.CreateModel(
            name='EventStatusTag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('status', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tagged', to='setup.eventstatus')),
                ('tag', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='setup.tag')),
            ],
            options={
                'db_table': 'event_status_tag',
                'constraints': [models.UniqueConstraint(fields=('status', 'tag'), name='event_status_tag_unique')],
            },
        ),
        migrations.CreateModel(
            name='AttendeeTypeTag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('type', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tagged', to='setup.attendeetype')),
                ('tag', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='setup.tag')),
            ],
            options={
                'db_table': 'attendee_type_tag',
                'constraints': [models.UniqueConstraint(fields=('type', 'tag'), name='attendee_type_tag_unique')],
            },
        ),
        migrations.CreateModel(
            name='CustomField',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=50, validators=[django.core.validators.RegexValidator('\\A\\w(?:[\\w.-]*\\w)?\\Z', 'Letters, digits, dots, dashes and underscores only, with a letter or digit at both ends.')], verbose_name='code')),
                ('folded_code', heliograph.setup.name_fields.FoldedField(editable=False, of='code')),
                ('label', models.CharField(max_length=300, validators=[heliograph.setup.name_fields.storable], verbose_name='label')),
                ('type', models.CharField(choices=[('text', 'text'), ('number', 'number'), ('date', 'date'), ('select', 'select'), ('multi-select', 'multi-select'), ('checkbox', 'checkbox'), ('radio', 'radio')], default='text', max_length=20, verbose_name='type')),
                ('options', models.JSONField(blank=True, default=list, validators=[heliograph.setup.models.questions.possible_options], verbose_name='options')),
                ('position', models.PositiveIntegerField(default=0, editable=False, verbose_name='position')),
                ('kind', models.CharField(choices=[('profile', 'Profile'), ('event', 'Event')], max_length=10, verbose_name='kind')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
            ],
            options={
                'db_table': 'custom_field',
                'ordering': ('kind', 'position', 'id'),
                'constraints': [models.UniqueConstraint(fields=('account', 'kind', 'folded_code'), name='custom_field_code_unique', violation_error_message='There is a field of this code already.'), models.CheckConstraint(condition=models.Q(('type__in', ('text', 'number', 'date', 'select', 'multi-select', 'checkbox', 'radio'))), name='custom_field_type_known'), models.CheckConstraint(condition=models.Q(('kind__in', ('profile', 'event'))), name='custom_field_kind_known')],
            },
        ),
        migrations.CreateModel(
            name='Session',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=25, validators=[django.core.validators.RegexValidator('\\A\\w(?:[\\w.-]*\\w)?\\Z', 'Letters, digits, dots, dashes and underscores only, with a letter or digit at both ends.')], verbose_name='code')),
                ('folded_code', heliograph.setup.name_fields.FoldedField(editable=False, of='code')),
                ('name', models.CharField(max_length=200, validators=[heliograph.setup.name_fields.storable], verbose_name='name')),
                ('start', models.DateTimeField(blank=True, null=True, verbose_name='start')),
                ('end', models.DateTimeField(blank=True, null=True, verbose_name='end')),
                ('position', models.PositiveIntegerField(default=0, editable=False, verbose_name='position')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to='store.event')),
            ],
            options={
                'db_table': 'session',
                'ordering': ('position', 'id'),
                'constraints': [models.UniqueConstraint(fields=('event', 'folded_code'), name='session_code_unique', violation_error_message='There is a session of this code already.')],
            },
        ),
        migrations.AddField(
            model_name='sessionstatus',
            name='tags',
            field=models.ManyToManyField(related_name='session_statuses', through='setup.SessionStatusTag', to='setup.tag'),
        ),
        migrations.AddField(
            model_name='registrationstatus',
            name='tags',
            field=models.ManyToManyField(related_name='registration_statuses', through='setup.RegistrationStatusTag', to='setup.tag'),
        ),
        migrations.AddField(
            model_name='registrationproperty',
            name='tags',
            field=models.ManyToManyField(related_name='registration_properties', through='setup.RegistrationPropertyTag', to='setup.tag'),
        ),
        migrations.AddField(
            model_name='eventstatus',
            name='tags',
            field=models.ManyToManyField(related_name='event_statuses', through='setup.EventStatusTag', to='setup.tag'),
        ),
        migrations.AddField(
            model_name='attendeetype',
            name='tags',
            field=models.ManyToManyField(related_name='attendee_types', through='setup.AttendeeTypeTag', to='setup.tag'),
        ),
    ]
