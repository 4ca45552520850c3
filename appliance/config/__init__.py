"""The one TOML file that steers the appliance: its model, its loading with line numbers, what it says of itself."""
