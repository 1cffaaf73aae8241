"""What people_models.py is made of: photos, nets, and models of each framework."""
