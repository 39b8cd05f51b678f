"""The Processing algorithms: the same jobs as the dock's, for the toolbox, batch, models and `qgis_process`."""
