"""Data sources: configured (lifecycle), tried (testing), watched (health), rotated (credentials), ended
(destruction).

Empty on purpose: discoveries stand between these files (a source's life begins and cancels them; they need
its states), so whoever needs one imports it by name.
"""
