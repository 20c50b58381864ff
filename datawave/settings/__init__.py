"""What can be set, where it comes from, and what is refused.

Only `datawave.cli` and `datawave.app` read settings; everybody else is handed what they need.
"""

from datawave.settings.fields import Profile, Settings, SettingSource
from datawave.settings.loading import SettingsError, load
from datawave.settings.reference import SettingRow, reference

__all__ = ["Profile", "SettingRow", "SettingSource", "Settings", "SettingsError", "load", "reference"]
