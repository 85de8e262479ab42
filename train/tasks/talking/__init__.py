"""The networks, beside the talker, that train and evaluate a talking face."""
