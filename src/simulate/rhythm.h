// The rhythm of people: how busy each hour of the day and each day of the week is.
#pragma once

namespace gfr {

inline constexpr double kHours[24] = {.3,  .2,  .1, .1, .1,  .2,  .4,  .7, .9,  1, 1,   1.1,
                                      1.3, 1.2, 1,  1,  1.1, 1.3, 1.6, 2,  2.2, 2, 1.4, .7};
inline constexpr double kWeekdays[7] = {.9, .9, .9, .95, 1.05, 1.25, 1.3};  // From Monday.

}  // namespace gfr
