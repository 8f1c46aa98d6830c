# FindArrowWheel: Arrow C++ and Parquet from the pyarrow wheel of Python_EXECUTABLE (Debian has no Arrow package).
#
# Targets   ArrowWheel::arrow, ArrowWheel::parquet, ArrowWheel::compute
# Variables ArrowWheel_VERSION, ArrowWheel_LIBRARY_DIR (the wheel's folder, kept in the build's rpath)
# The versioned .so is named directly: the wheel has no unversioned links.
if(NOT Python_EXECUTABLE)
  find_package(Python COMPONENTS Interpreter REQUIRED)
endif()
execute_process(
  COMMAND "${Python_EXECUTABLE}" -c "
import pyarrow as pa
i = pa.cpp_build_info
print(';'.join([i.version, i.so_version, pa.get_include(), pa.get_library_dirs()[0]]))"
  OUTPUT_VARIABLE _arrow OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE _failed ERROR_VARIABLE _error)
if(NOT _failed)
  list(GET _arrow 0 ArrowWheel_VERSION)
  list(GET _arrow 1 ArrowWheel_SO_VERSION)
  list(GET _arrow 2 ArrowWheel_INCLUDE_DIR)
  list(GET _arrow 3 ArrowWheel_LIBRARY_DIR)
else()
  message(STATUS "FindArrowWheel: ${Python_EXECUTABLE}: ${_error}")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ArrowWheel REQUIRED_VARS ArrowWheel_INCLUDE_DIR ArrowWheel_LIBRARY_DIR VERSION_VAR ArrowWheel_VERSION)

foreach(_pair IN ITEMS arrow:arrow: compute:arrow_compute:arrow parquet:parquet:arrow)
  string(REGEX MATCH "^([^:]*):([^:]*):(.*)$" _ ${_pair})
  set(_name ${CMAKE_MATCH_1})
  set(_file ${CMAKE_MATCH_2})
  set(_needs ${CMAKE_MATCH_3})
  if(NOT TARGET ArrowWheel::${_name})
    add_library(ArrowWheel::${_name} SHARED IMPORTED GLOBAL)
    set_target_properties(ArrowWheel::${_name} PROPERTIES
      IMPORTED_LOCATION "${ArrowWheel_LIBRARY_DIR}/lib${_file}.so.${ArrowWheel_SO_VERSION}"
      IMPORTED_SONAME "lib${_file}.so.${ArrowWheel_SO_VERSION}"
      INTERFACE_INCLUDE_DIRECTORIES "${ArrowWheel_INCLUDE_DIR}")
    if(_needs)
      set_property(TARGET ArrowWheel::${_name} APPEND PROPERTY INTERFACE_LINK_LIBRARIES ArrowWheel::${_needs})
    endif()
  endif()
endforeach()
