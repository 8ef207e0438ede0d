//! Goal: `docker compose up` brings up the whole stack, safely, as far as that can be known without an engine. Method: the
//! file is read as data: everything it names is there, nothing is reachable that should not be, and what it gives to our
//! program is what our program takes.

/// The file as data.
mod document;
/// Images, and the script that judges a container's health.
mod image;
/// What each service must and must not have.
mod services;
