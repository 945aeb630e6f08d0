//! The plan: the names of all cases, from the list that the guest's suite is compiled from.

#[path = "../suite/src/plan.rs"]
#[macro_use]
mod plan;

macro_rules! names {
    ($($list:ident { $($module:ident::$case:ident,)+ })+) => {
        $(
            #[doc = concat!("The cases of the list `", stringify!($list), "`.")]
            #[must_use]
            pub const fn $list() -> &'static [&'static str] {
                &[$(concat!(stringify!($module), "::", stringify!($case)),)+]
            }
        )+
    };
}
every_case!(names);
