// The doctor's checks: each judges the observations of a log, and adds its findings. A new check is one file and one
// line in the table of checks.cc.
#pragma once

#include <span>
#include <vector>

#include "doctor/doctor.h"
#include "doctor/observations.h"

namespace gfr {

using Check = void (*)(const Observations&, std::vector<Finding>&);

void CheckRequestJoins(const Observations& o, std::vector<Finding>& out);   // Impressions and clicks with requests.
void CheckPurchaseJoins(const Observations& o, std::vector<Finding>& out);  // Purchases with clicks.
void CheckMissingIds(const Observations& o, std::vector<Finding>& out);
void CheckOrders(const Observations& o, std::vector<Finding>& out);
void CheckCatalogue(const Observations& o, std::vector<Finding>& out);
void CheckClocks(const Observations& o, std::vector<Finding>& out);
void CheckBots(const Observations& o, std::vector<Finding>& out);
void CheckDays(const Observations& o, std::vector<Finding>& out);
void CheckSilence(const Observations& o, std::vector<Finding>& out);
void CheckRefused(const Observations& o, std::vector<Finding>& out);

// All of them, in the order of the report among findings of equal severity. REQUIRES of each: there is an event.
std::span<const Check> AllChecks();

}  // namespace gfr
