# Writes OUTPUT, the C++ source of ProjectTemplates() (src/project/templates.h), from every .toml file of FOLDER.
# Run by the build: cmake -DFOLDER=src/project/templates -DOUTPUT=templates_embedded.cc -P embed_templates.cmake
file(GLOB files "${FOLDER}/*.toml")
list(SORT files)
set(entries "")
foreach(path IN LISTS files)
  file(READ "${path}" text)
  get_filename_component(name "${path}" NAME_WE)
  string(FIND "${text}" ")template\"" end)
  if(NOT end EQUAL -1)
    message(FATAL_ERROR "${path} contains )template\", which would end the C++ literal that holds it")
  endif()
  string(APPEND entries "    {\"${name}\", R\"template(${text})template\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "// Made from src/project/templates/*.toml by cmake/embed_templates.cmake.
#include \"project/templates.h\"

namespace gfr {

std::span<const ProjectTemplate> ProjectTemplates() {
  static constexpr ProjectTemplate kTemplates[] = {
${entries}  };
  return kTemplates;
}

}  // namespace gfr
")
