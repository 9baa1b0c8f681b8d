"""From a log to parameters: what the data say about the plant, how surely, and what they cannot
say.

Start at one of these and follow its imports:

:mod:`~twin.calibration.diagnosis`  what is wrong with a raw log, what it can carry, what is lost
:mod:`~twin.calibration.calibrate`  times, setups, scrap, lives, repairs, power and releases
:mod:`~twin.calibration.bootstrap`  plants as uncertain as a calibration leaves them
:mod:`~twin.calibration.discover`   a plant from a log alone
:mod:`~twin.calibration.replay`     where everything stands at the cut-off
:mod:`~twin.calibration.drift`      cycle times that no longer are what was calibrated

All read the log through :mod:`~twin.calibration.activity` and answer in
:mod:`~twin.calibration.estimates`.

May import :mod:`twin.model`, :mod:`twin.behaviour` and :mod:`twin.accounting`.
"""
