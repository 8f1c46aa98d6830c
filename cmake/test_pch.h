// What nearly every test reads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "library_pch.h"
