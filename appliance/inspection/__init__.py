"""The sensor's engine: frames in, alerts out. No socket, file, clock or thread; the time comes with each frame.

`engine.Inspection` is the way in. Everything that it keeps is bounded (`appliance.base.limits`, SENSOR_…), and no frame
makes it raise.
"""
