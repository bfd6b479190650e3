# find_package(tenon) gives tenon::tenon_shared and tenon::tenon_static.
include(CMakeFindDependencyMacro)
find_dependency(PkgConfig)
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(LIBARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
include("${CMAKE_CURRENT_LIST_DIR}/tenonTargets.cmake")
