// How the doctor's checks write their findings: a share of something, graded.
#pragma once

#include <string>

#include "doctor/doctor.h"

namespace gfr {

inline constexpr std::size_t kExamples = 5;  // Of a finding.

// `look` from this share on (any count when 0), `bad` when even the low end of the share's interval is above `bad`.
Severity Grade(std::uint64_t count, std::uint64_t of, double look, double bad);

// "12 of 340 WHAT (3.5 %)", graded. `sampled`: the counts are of a sample of ids, so the share has an interval.
Finding ShareFinding(std::string check, std::uint64_t count, std::uint64_t of, double look, double bad, bool sampled,
                     const std::string& what, std::string meaning, std::string action);

std::string Percent(double share);    // "3.5 %"
std::string Milliseconds(double ms);  // "250 ms", "1.5 s", "12.0 min", "3.2 h"

}  // namespace gfr
