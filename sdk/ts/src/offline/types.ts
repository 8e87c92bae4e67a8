import type { OfflineType } from './catalogue.js'

/** Made by scripts/generate.mjs of schemas/types: the types of this release, as far as offline codes go. */
export const offlineTypes: readonly OfflineType[] = [
  {
    number: 1,
    version: 1,
    id: 'resident-id',
    name: { zh: '居民身份证', en: 'Resident Identity Card' },
    views: [
      {
        number: 1,
        name: 'identity',
        label: { zh: '身份核验（姓名、号码）', en: 'Identity: name and number' },
        fields: [
          { number: 1, name: 'name', label: { zh: '姓名', en: 'Name' }, kind: 'text', mask: { rule: 'name' } },
          {
            number: 2,
            name: 'id_number',
            label: { zh: '公民身份号码', en: 'Citizen identification number' },
            kind: 'citizen-id',
            mask: { rule: 'keep', start: 1, end: 1 },
          },
          { number: 3, name: 'valid_until', label: { zh: '有效期截止日期', en: 'Valid until' }, kind: 'term', mask: { rule: 'none' } },
          { number: 4, name: 'not_expired', label: { zh: '在有效期内', en: 'Within its period of validity' }, kind: 'flag', mask: { rule: 'none' } },
        ],
      },
      {
        number: 2,
        name: 'over-18',
        label: { zh: '仅证明已满18周岁', en: 'Only: has turned 18' },
        fields: [
          { number: 5, name: 'over_18', label: { zh: '已满18周岁', en: 'Has turned 18' }, kind: 'flag', mask: { rule: 'none' } },
          { number: 4, name: 'not_expired', label: { zh: '在有效期内', en: 'Within its period of validity' }, kind: 'flag', mask: { rule: 'none' } },
        ],
      },
      {
        number: 3,
        name: 'over-60',
        label: { zh: '仅证明已满60周岁（老年优待）', en: 'Only: has turned 60 (senior concession)' },
        fields: [
          { number: 6, name: 'over_60', label: { zh: '已满60周岁', en: 'Has turned 60' }, kind: 'flag', mask: { rule: 'none' } },
          { number: 4, name: 'not_expired', label: { zh: '在有效期内', en: 'Within its period of validity' }, kind: 'flag', mask: { rule: 'none' } },
        ],
      },
    ],
  },
  {
    number: 2,
    version: 1,
    id: 'social-security-card',
    name: { zh: '社会保障卡', en: 'Social Security Card' },
    views: [
      {
        number: 1,
        name: 'identity',
        label: { zh: '身份核验（姓名、社会保障号码）', en: 'Identity: name and social security number' },
        fields: [
          { number: 1, name: 'name', label: { zh: '姓名', en: 'Name' }, kind: 'text', mask: { rule: 'name' } },
          {
            number: 2,
            name: 'social_security_number',
            label: { zh: '社会保障号码', en: 'Social security number' },
            kind: 'citizen-id',
            mask: { rule: 'keep', start: 1, end: 1 },
          },
          { number: 3, name: 'valid_until', label: { zh: '有效期截止日期', en: 'Valid until' }, kind: 'term', mask: { rule: 'none' } },
          { number: 4, name: 'not_expired', label: { zh: '在有效期内', en: 'Within its period of validity' }, kind: 'flag', mask: { rule: 'none' } },
        ],
      },
      {
        number: 2,
        name: 'entitlement',
        label: { zh: '仅证明持卡有效', en: 'Only: holds a valid card' },
        fields: [
          { number: 5, name: 'card_region', label: { zh: '发卡地区划', en: 'Region of the card' }, kind: 'region', mask: { rule: 'none' } },
          { number: 4, name: 'not_expired', label: { zh: '在有效期内', en: 'Within its period of validity' }, kind: 'flag', mask: { rule: 'none' } },
        ],
      },
    ],
  },
  {
    number: 3,
    version: 1,
    id: 'medical-insurance',
    name: { zh: '医保电子凭证', en: 'Medical Insurance Credential' },
    views: [
      {
        number: 1,
        name: 'identity',
        label: { zh: '身份核验（姓名、号码）', en: 'Identity: name and number' },
        fields: [
          { number: 1, name: 'name', label: { zh: '姓名', en: 'Name' }, kind: 'text', mask: { rule: 'name' } },
          { number: 5, name: 'id_type', label: { zh: '证件类型', en: 'Type of document' }, kind: 'code', mask: { rule: 'none' } },
          { number: 2, name: 'id_number', label: { zh: '证件号码', en: 'Document number' }, kind: 'holder-number', mask: { rule: 'keep', start: 1, end: 1 } },
          { number: 4, name: 'not_expired', label: { zh: '在有效期内', en: 'Within its period of validity' }, kind: 'flag', mask: { rule: 'none' } },
        ],
      },
      {
        number: 2,
        name: 'insured',
        label: { zh: '仅证明参保', en: 'Only: is insured' },
        fields: [
          { number: 6, name: 'insured_region', label: { zh: '参保地区', en: 'Region of insurance' }, kind: 'region', mask: { rule: 'none' } },
          { number: 7, name: 'insurance_type', label: { zh: '险种类型', en: 'Type of insurance' }, kind: 'code', mask: { rule: 'none' } },
          { number: 4, name: 'not_expired', label: { zh: '在有效期内', en: 'Within its period of validity' }, kind: 'flag', mask: { rule: 'none' } },
        ],
      },
    ],
  },
  {
    number: 4,
    version: 1,
    id: 'drivers-licence',
    name: { zh: '机动车驾驶证', en: 'Driver\'s Licence' },
    views: [
      {
        number: 1,
        name: 'identity',
        label: { zh: '身份核验（姓名、证号）', en: 'Identity: name and number' },
        fields: [
          { number: 1, name: 'name', label: { zh: '姓名', en: 'Name' }, kind: 'text', mask: { rule: 'name' } },
          {
            number: 2,
            name: 'id_number',
            label: { zh: '证号', en: 'Licence number (document number)' },
            kind: 'holder-number',
            mask: { rule: 'keep', start: 1, end: 1 },
          },
          { number: 3, name: 'valid_until', label: { zh: '有效期截止日期', en: 'Valid until' }, kind: 'term', mask: { rule: 'none' } },
          { number: 4, name: 'not_expired', label: { zh: '在有效期内', en: 'Within its period of validity' }, kind: 'flag', mask: { rule: 'none' } },
        ],
      },
      {
        number: 2,
        name: 'may-drive-c1',
        label: { zh: '准驾小型汽车', en: 'May drive small cars' },
        fields: [
          { number: 1, name: 'name', label: { zh: '姓名', en: 'Name' }, kind: 'text', mask: { rule: 'name' } },
          { number: 5, name: 'may_drive_c1', label: { zh: '准驾小型汽车（C1）', en: 'May drive small cars (C1)' }, kind: 'flag', mask: { rule: 'none' } },
          { number: 3, name: 'valid_until', label: { zh: '有效期截止日期', en: 'Valid until' }, kind: 'term', mask: { rule: 'none' } },
          { number: 4, name: 'not_expired', label: { zh: '在有效期内', en: 'Within its period of validity' }, kind: 'flag', mask: { rule: 'none' } },
        ],
      },
      {
        number: 3,
        name: 'may-drive-c2',
        label: { zh: '准驾小型自动挡汽车', en: 'May drive small automatic cars' },
        fields: [
          { number: 1, name: 'name', label: { zh: '姓名', en: 'Name' }, kind: 'text', mask: { rule: 'name' } },
          { number: 6, name: 'may_drive_c2', label: { zh: '准驾小型自动挡汽车（C2）', en: 'May drive small automatic cars (C2)' }, kind: 'flag', mask: { rule: 'none' } },
          { number: 3, name: 'valid_until', label: { zh: '有效期截止日期', en: 'Valid until' }, kind: 'term', mask: { rule: 'none' } },
          { number: 4, name: 'not_expired', label: { zh: '在有效期内', en: 'Within its period of validity' }, kind: 'flag', mask: { rule: 'none' } },
        ],
      },
    ],
  },
  {
    number: 5,
    version: 1,
    id: 'vehicle-licence',
    name: { zh: '机动车行驶证', en: 'Vehicle Licence' },
    views: [
      {
        number: 1,
        name: 'identity',
        label: { zh: '车辆与所有人', en: 'Vehicle and owner' },
        fields: [
          { number: 1, name: 'plate_number', label: { zh: '号牌号码', en: 'Plate number' }, kind: 'plate', mask: { rule: 'keep', start: 2, end: 2 } },
          { number: 2, name: 'plate_type', label: { zh: '号牌种类', en: 'Type of plate' }, kind: 'code', mask: { rule: 'none' } },
          { number: 3, name: 'vehicle_type', label: { zh: '车辆类型', en: 'Type of vehicle' }, kind: 'text', mask: { rule: 'none' } },
          { number: 5, name: 'owner', label: { zh: '所有人', en: 'Owner' }, kind: 'text', mask: { rule: 'name' } },
          { number: 6, name: 'brand_model', label: { zh: '品牌型号', en: 'Brand and model' }, kind: 'text', mask: { rule: 'none' } },
          { number: 4, name: 'not_expired', label: { zh: '在有效期内', en: 'Within its period of validity' }, kind: 'flag', mask: { rule: 'none' } },
        ],
      },
      {
        number: 2,
        name: 'parking',
        label: { zh: '停车与通行（仅车辆）', en: 'Parking and passage: the vehicle only' },
        fields: [
          { number: 1, name: 'plate_number', label: { zh: '号牌号码', en: 'Plate number' }, kind: 'plate', mask: { rule: 'keep', start: 2, end: 2 } },
          { number: 2, name: 'plate_type', label: { zh: '号牌种类', en: 'Type of plate' }, kind: 'code', mask: { rule: 'none' } },
          { number: 3, name: 'vehicle_type', label: { zh: '车辆类型', en: 'Type of vehicle' }, kind: 'text', mask: { rule: 'none' } },
          { number: 7, name: 'not_for_hire', label: { zh: '非营运车辆', en: 'Not for hire' }, kind: 'flag', mask: { rule: 'none' } },
          { number: 4, name: 'not_expired', label: { zh: '在有效期内', en: 'Within its period of validity' }, kind: 'flag', mask: { rule: 'none' } },
        ],
      },
    ],
  },
  {
    number: 6,
    version: 1,
    id: 'business-licence',
    name: { zh: '营业执照', en: 'Business Licence' },
    views: [
      {
        number: 1,
        name: 'identity',
        label: { zh: '主体身份（名称、代码）', en: 'Identity: name and code' },
        fields: [
          { number: 1, name: 'name', label: { zh: '名称', en: 'Name' }, kind: 'text', mask: { rule: 'none' } },
          { number: 2, name: 'unified_social_credit_code', label: { zh: '统一社会信用代码', en: 'Unified social credit code' }, kind: 'uscc', mask: { rule: 'none' } },
          { number: 4, name: 'not_expired', label: { zh: '在有效期内', en: 'Within its period of validity' }, kind: 'flag', mask: { rule: 'none' } },
        ],
      },
      {
        number: 2,
        name: 'notice',
        label: { zh: '经营者公示（不含经营范围）', en: 'Public notice of the trader, without the scope' },
        fields: [
          { number: 1, name: 'name', label: { zh: '名称', en: 'Name' }, kind: 'text', mask: { rule: 'none' } },
          { number: 2, name: 'unified_social_credit_code', label: { zh: '统一社会信用代码', en: 'Unified social credit code' }, kind: 'uscc', mask: { rule: 'none' } },
          { number: 5, name: 'domicile', label: { zh: '住所', en: 'Domicile' }, kind: 'text', mask: { rule: 'none' } },
          { number: 4, name: 'not_expired', label: { zh: '在有效期内', en: 'Within its period of validity' }, kind: 'flag', mask: { rule: 'none' } },
        ],
      },
    ],
  },
]
