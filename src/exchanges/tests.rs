//! What becomes of the money, as a table.

use super::model::{Sums, sums};

#[test]
fn what_comes_back_pays_as_far_as_it_goes_and_the_difference_goes_one_way() {
    // comes back, costs -> credit, goes back, is missing
    for (comes_back, costs, credit, back, missing) in [
        (3000, 3000, 3000, 0, 0),
        (3000, 3490, 3000, 0, 490),
        (3000, 2000, 2000, 1000, 0),
        (0, 2000, 0, 0, 2000),
        (3000, 0, 0, 3000, 0),
        (0, 0, 0, 0, 0),
        (1, 2, 1, 0, 1),
    ] {
        let found = sums(comes_back, costs);
        let wanted = Sums {
            credit_minor: credit,
            back_minor: back,
            missing_minor: missing,
        };
        assert_eq!(found, wanted, "{comes_back} {costs}");
        assert_eq!(found.credit_minor + found.back_minor, comes_back);
        assert_eq!(found.credit_minor + found.missing_minor, costs);
        assert!(found.back_minor == 0 || found.missing_minor == 0, "never both");
    }
}
