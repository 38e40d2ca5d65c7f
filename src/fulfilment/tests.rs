//! Rules of fulfilment.
