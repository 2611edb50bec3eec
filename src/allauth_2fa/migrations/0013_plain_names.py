from django.conf import settings
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("allauth_2fa", "0012_bounded_browsers"),
        # Django renames the content types too, which takes the table as it is today.
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RenameModel(old_name="TrailRow", new_name="AuditEntry"),
        migrations.RenameModel(old_name="DeviceNote", new_name="DeviceOptions"),
        migrations.AlterModelOptions(
            name="auditentry",
            options={"ordering": ["-pk"], "verbose_name": "event", "verbose_name_plural": "audit log"},
        ),
        migrations.AlterModelOptions(
            name="deviceoptions",
            options={"verbose_name": "device options", "verbose_name_plural": "device options"},
        ),
        migrations.AlterModelOptions(
            name="lock",
            options={
                "default_manager_name": "all_rows",
                "default_permissions": ("view",),
                "permissions": [("support_unlock", "Can open the locks of a user")],
                "verbose_name": "lock",
                "verbose_name_plural": "locks",
            },
        ),
    ]
