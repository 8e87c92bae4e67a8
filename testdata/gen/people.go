package main

import "github.com/showcard/showcard/schemas"

// person is one invented person; an empty part means that she has no such
// certificate.
type person struct {
	name, sex, ethnicity string
	region               string // of first registration: the head of her number
	birth                string
	lives                string // region of residence in Hunan
	road                 string
	issued, until        string // resident ID; until "" is long-term
	look                 look
	insurance            string // 310 or 390
	card                 string // first day of the social security card
	driver               *driver
	vehicle              *vehicle
}

type driver struct {
	classes, first, issued, until string
	points                        int
	state                         string
	hearing                       bool
}

type vehicle struct {
	plate, plateType, kind, use, model, registered, issued string
	passengers, gross, curb, load                          int
	size                                                   string
	state                                                  string
	remarks                                                string
}

type company struct {
	name, head, organisation, kind, principal, role string
	capital, domicile, scope, established, issued   string
	representatives                                 []schemas.HolderRef
	vehicle                                         *vehicle
	abnormal                                        bool
}

const (
	male   = "1"
	female = "2"
)

func people() []person {
	return []person{
		{name: "张示例", sex: male, ethnicity: "01", region: "430102", birth: "1988-03-12", lives: "430102", road: "虚构路12号示例小区3栋401室",
			issued: "2020-05-18", until: "2040-05-18", insurance: "310", card: "2021-03-01",
			look:   look{skin: 0, hair: hairShort, hairTone: 0, cloth: 0},
			driver: &driver{classes: "C1", first: "2010-06-01", issued: "2022-05-20", until: "2032-06-01", points: 3, state: "A"},
			vehicle: &vehicle{plate: "湘AD12345", plateType: "52", kind: "小型轿车", use: "A", model: "样例牌SC7100EV", registered: "2023-04-11", issued: "2023-04-11",
				passengers: 5, gross: 2050, curb: 1675, size: "4680×1850×1450", state: "A"}},
		{name: "李样本", sex: female, ethnicity: "01", region: "430103", birth: "1992-07-25", lives: "430103", road: "演示大道88号2单元1102室",
			issued: "2019-04-09", until: "2039-04-08", insurance: "310", card: "2022-08-15",
			look:   look{skin: 1, hair: hairLong, hairTone: 1, cloth: 1},
			driver: &driver{classes: "C2", first: "2015-09-30", issued: "2021-09-12", until: "2031-09-30", points: 0, state: "A"}},
		{name: "王测试", sex: male, ethnicity: "01", region: "430121", birth: "1979-11-02", lives: "430121", road: "样本街5号",
			issued: "2018-11-20", until: "2038-11-20", insurance: "310", card: "2020-01-06",
			look:   look{skin: 2, hair: hairBuzz, hairTone: 0, cloth: 2, glasses: true},
			driver: &driver{classes: "A1A2D", first: "2002-04-18", issued: "2024-04-02", until: "2034-04-18", points: 12, state: "BD"}},
		{name: "赵演示", sex: female, ethnicity: "01", region: "430105", birth: "1965-01-30", lives: "430105", road: "模拟巷31号",
			issued: "2016-03-07", insurance: "310", card: "2018-06-11",
			look: look{skin: 0, hair: hairBob, hairTone: 2, cloth: 3, glasses: true},
			vehicle: &vehicle{plate: "湘A5K9X2", plateType: "02", kind: "小型普通客车", use: "A", model: "样例牌SC6470", registered: "2019-07-22", issued: "2019-07-22",
				passengers: 7, gross: 2450, curb: 1790, size: "4730×1880×1720", state: "GQ"}},
		{name: "陈虚构", sex: female, ethnicity: "01", region: "430123", birth: "1941-05-08", lives: "430181", road: "老街虚号17号",
			issued: "2011-10-12", insurance: "390", card: "2015-05-20",
			look: look{skin: 1, hair: hairBun, hairTone: 3, cloth: 4, glasses: true, wrinkles: true}},
		{name: "刘小例", sex: female, ethnicity: "01", region: "430111", birth: "2018-06-01", lives: "430111", road: "童话路6号样板苑1栋902室",
			issued: "2025-07-15", until: "2030-07-15", insurance: "390", card: "2024-09-02",
			look: look{skin: 0, hair: hairPigtails, hairTone: 1, cloth: 5, small: true}},
		{name: "吴少样", sex: male, ethnicity: "01", region: "430104", birth: "2009-09-10", lives: "430104", road: "试验坪20号",
			issued: "2025-10-01", until: "2035-10-01", insurance: "390", card: "2023-02-13",
			look: look{skin: 1, hair: hairFringe, hairTone: 0, cloth: 6}},
		{name: "阿依努尔·样例木江·虚构古丽", sex: female, ethnicity: "05", region: "653101", birth: "1995-02-14", lives: "430102", road: "丝路虚构坊9号",
			issued: "2022-06-30", until: "2042-06-30", insurance: "310", card: "2022-07-18",
			look:   look{skin: 1, hair: hairLong, hairTone: 0, cloth: 7},
			driver: &driver{classes: "C1", first: "2017-08-08", issued: "2023-08-01", until: "2033-08-08", points: 6, state: "H"}},
		{name: "扎西·示范顿珠", sex: male, ethnicity: "04", region: "540102", birth: "1983-12-21", lives: "430105", road: "高原虚路45号",
			issued: "2023-01-16", until: "2043-01-16", insurance: "310", card: "2023-02-01",
			look:   look{skin: 3, hair: hairShort, hairTone: 0, cloth: 8},
			driver: &driver{classes: "B2", first: "2006-05-25", issued: "2022-05-10", until: "", points: 2, state: "A"}},
		{name: "石阿虚", sex: female, ethnicity: "06", region: "433101", birth: "1990-10-03", lives: "433101", road: "样苗寨路2号",
			issued: "2021-11-05", until: "2041-11-04", insurance: "390", card: "2021-12-01",
			look: look{skin: 2, hair: hairBun, hairTone: 0, cloth: 9}},
		{name: "周𬱖例", sex: female, ethnicity: "15", region: "430104", birth: "1986-08-17", lives: "430104", road: "罕见字巷8号",
			issued: "2017-09-25", until: "2037-09-25", insurance: "310", card: "2019-10-10",
			look:   look{skin: 0, hair: hairBob, hairTone: 1, cloth: 0},
			driver: &driver{classes: "C2E", first: "2012-03-15", issued: "2018-03-02", until: "2028-03-15", points: 1, state: "A", hearing: true}},
		{name: "马样哈", sex: male, ethnicity: "03", region: "640104", birth: "1971-04-05", lives: "430103", road: "清真示范里3号",
			issued: "2017-04-28", insurance: "310", card: "2020-11-30",
			look:   look{skin: 2, hair: hairBald, hairTone: 0, cloth: 2, beard: true},
			driver: &driver{classes: "A2E", first: "1996-10-10", issued: "2020-09-28", until: "2030-10-10", points: 0, state: "A"}},
		{name: "黄演练", sex: female, ethnicity: "08", region: "450102", birth: "1998-09-19", lives: "430111", road: "壮锦虚构街77号",
			issued: "2024-10-08", until: "2044-10-08", insurance: "310", card: "2024-10-21",
			look: look{skin: 1, hair: hairLong, hairTone: 2, cloth: 6},
			vehicle: &vehicle{plate: "湘A8B7C6", plateType: "02", kind: "小型轿车", use: "A", model: "样例牌SC7150", registered: "2012-05-05", issued: "2012-05-05",
				passengers: 5, gross: 1720, curb: 1280, size: "4530×1775×1480", state: "E", remarks: "演示：已注销"}},
		{name: "孙无此", sex: male, ethnicity: "01", region: "430102", birth: "1999-12-05", lives: "430102", road: "乌有街1号",
			issued: "2024-01-10", until: "2034-01-10", insurance: "310", card: "2023-07-03",
			look:   look{skin: 0, hair: hairFringe, hairTone: 2, cloth: 3},
			driver: &driver{classes: "C1", first: "2018-06-20", issued: "2018-06-20", until: "2024-06-20", points: 0, state: "M"}},
		{name: "何虚名", sex: male, ethnicity: "11", region: "210102", birth: "1974-06-16", lives: "430105", road: "创业样板园A座1501室",
			issued: "2016-08-08", until: "2036-08-08", insurance: "310", card: "2019-03-25",
			look:   look{skin: 1, hair: hairShort, hairTone: 3, cloth: 1, glasses: true},
			driver: &driver{classes: "C1D", first: "1999-01-20", issued: "2019-01-05", until: "", points: 0, state: "A"}},
		{name: "林仿造", sex: female, ethnicity: "22", region: "350902", birth: "1982-01-09", lives: "430103", road: "茶园虚路66号",
			issued: "2015-12-14", until: "2035-12-14", insurance: "310", card: "2018-01-22",
			look: look{skin: 0, hair: hairBun, hairTone: 1, cloth: 4}},
		{name: "梁拟人", sex: male, ethnicity: "01", region: "440106", birth: "1969-02-27", lives: "430112", road: "机械厂虚构宿舍2栋",
			issued: "2015-06-01", insurance: "310", card: "2017-05-08",
			look: look{skin: 3, hair: hairBuzz, hairTone: 3, cloth: 8, beard: true, wrinkles: true}},
	}
}

func companies() []company {
	representative := func(name, region, birth string, sequence int) schemas.HolderRef {
		return schemas.HolderRef{Type: schemas.HolderCitizenID, Number: citizenID(region, birth, sequence), Name: name}
	}
	he := representative("何虚名", "210102", "1974-06-16", 991)
	lin := representative("林仿造", "350902", "1982-01-09", 990)
	liang := representative("梁拟人", "440106", "1969-02-27", 991)
	zhang := representative("张示例", "430102", "1988-03-12", 991)
	return []company{
		{name: "湖南虚构软件有限公司", head: "91430100", organisation: "MADEM001", kind: "有限责任公司（自然人投资或控股）", principal: "何虚名", role: "1",
			capital: "1000", domicile: "湖南省长沙市开福区创业样板园A座15层", established: "2019-05-20", issued: "2023-06-12",
			scope:           "软件开发；信息系统集成服务；信息技术咨询服务；数据处理和存储支持服务。（依法须经批准的项目，经相关部门批准后方可开展经营活动）",
			representatives: []schemas.HolderRef{he, zhang},
			vehicle: &vehicle{plate: "湘AF56789", plateType: "52", kind: "小型普通客车", use: "A", model: "样例牌SC6520HEV", registered: "2024-03-18", issued: "2024-03-18",
				passengers: 7, gross: 2870, curb: 2180, size: "5219×1893×1823", state: "A"}},
		{name: "长沙示例餐饮管理有限公司", head: "91430103", organisation: "MADEM002", kind: "有限责任公司（自然人独资）", principal: "林仿造", role: "1",
			capital: "50.5", domicile: "湖南省长沙市天心区茶园虚路68号", established: "2021-09-01", issued: "2021-09-01",
			scope: "餐饮服务；食品销售；餐饮管理。", representatives: []schemas.HolderRef{lin}, abnormal: true},
		{name: "长沙样本机械厂（普通合伙）", head: "91430112", organisation: "MADEM003", kind: "普通合伙企业", principal: "梁拟人", role: "2",
			capital: "300", domicile: "湖南省长沙市望城区机械厂虚构路1号", established: "2008-04-15", issued: "2016-12-30",
			scope: "机械零部件加工；机械设备修理。", representatives: []schemas.HolderRef{liang},
			vehicle: &vehicle{plate: "湘A3L721", plateType: "01", kind: "重型仓栅式货车", use: "F", model: "样例牌SC5310CCY", registered: "2018-08-30", issued: "2018-08-30",
				passengers: 2, gross: 31000, curb: 11500, load: 19300, size: "11980×2550×3980", state: "Q"}},
	}
}
